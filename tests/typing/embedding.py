"""The library as a host writes it: every name that hosts may rely on, in the places where they use it.

`test_embedding.py` has it checked as a host's own code is, and runs it.
"""

from collections.abc import Sequence
from datetime import datetime

from fastapi import FastAPI

from hugathome import (
    Change,
    CodeError,
    CodePolicy,
    Event,
    HugAtHome,
    IceServer,
    JoinGrant,
    NoMobileNumber,
    Organisation,
    Participant,
    PhoneNumber,
    Session,
    Transport,
)
from hugathome.logs import open_log
from hugathome.sms import OutboxSms
from hugathome.stores import open_code_store, open_store


def deployed(*, key: bytes, database: str, sms: OutboxSms) -> HugAtHome:
    return HugAtHome(
        key={"2026-11": key},
        store=open_store(database),
        code_store=open_code_store(database),
        log=open_log(database),
        sms=sms,
        site="https://www.example.ch/visit",
        timezone="Europe/Zurich",
        brand="HUG@home",
        help_phone="+41223723311",
        privacy_url="https://www.example.ch/privacy",
        code_policy=CodePolicy(),
        ice_servers=[IceServer(urls=["turns:turn.example.ch:443?transport=tcp"], secret="shared with it")],
        relay_only=True,
        entry="https://ehr.example.ch/visits/{reference}",
        frames=["https://ehr.example.ch"],
        organisations={"hug": Organisation(brand="HUG@home")},
    )


async def planned(hug: HugAtHome, *, start: datetime, end: datetime) -> Session:
    return await hug.sessions.plan(
        organisation="hug",
        service="cardiology",
        modality="video",
        starts_at=start,
        ends_at=end,
        reference="appointment/4711",
        participants=[
            Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi"),
            Participant(
                id="p-1",
                role="patient",
                name="M. Dupont",
                language="fr",
                reference="urn:pid:77",
                phone=PhoneNumber.parse("079 123 45 67", region="CH"),
            ),
            Participant(id="n-1", role="nurse", name="C. Favre", phone="+41791234568"),
            Participant(id="n-2", role="nurse", name="B. Keller", phone="+41223723311"),
        ],
    )


async def checked_in(hug: HugAtHome, session: Session, sms: OutboxSms) -> JoinGrant:
    await hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi", how="oral", language="fr")
    invitation = await hug.invite(session.id, "p-1")
    told: tuple[str, ...] = (invitation.url, invitation.link_id, *invitation.texts)
    assert all(told)
    sent = sms.outbox[-1]
    at: datetime = sent.sent_at
    assert at.tzinfo is not None
    assert str(sent.to) == "+41791234567"
    shown: list[str] = []
    try:
        return await hug.check_in(invitation.link_id, "not a code")
    except CodeError as refused:
        shown.append(refused.public)
    return await hug.check_in(invitation.link_id, sent.text.rpartition("#")[2])


async def held(hug: HugAtHome, session: Session) -> Session:
    grant = hug.grant(session.id, "dr-rossi", claims={"badge": "hospital"})
    page: str = hug.room_url(grant)
    assert grant.token in page
    await hug.call(session.id, "p-1", by="dr-rossi")
    await hug.sessions.admit(session.id, "p-1", by="dr-rossi")
    session = await hug.sessions.get(session.id)
    ids: list[str] = [participant.id for participant in (*session.waiting, *session.present)]
    assert ids == ["p-1"]
    assert session.steps("p-1")[0].step is not None
    await by_telephone(hug, session)
    return await hug.sessions.complete(session.id, by="dr-rossi", outcome="in-person-visit-needed")


async def by_telephone(hug: HugAtHome, session: Session) -> None:
    session = await hug.sessions.change_modality(session.id, "phone", by="dr-rossi", reason="no picture")
    assert session.is_by_phone
    try:
        await hug.send_code_for(session.id, "n-2", by="dr-rossi")
    except NoMobileNumber:
        session = await hug.identify(session.id, "n-2", by="dr-rossi", how="known to us")
    identity: Change | None = session.identity("n-2")
    assert identity is not None
    said: str | None = identity.how
    assert said == "known to us"
    await hug.sessions.change_modality(session.id, "video", by="dr-rossi")


async def told(hug: HugAtHome) -> Sequence[Event]:
    await hug.run_due()
    return [event async for event in hug.events(organisation="hug", after=0, follow=False)]


def mounted(hug: HugAtHome) -> FastAPI:
    app = FastAPI()
    app.mount("/visit", hug.asgi())
    return app


def in_front_of(hug: HugAtHome, application: FastAPI) -> object:
    return hug.asgi(otherwise=application)


async def served(hug: HugAtHome, transport: Transport) -> None:
    await hug.serve(transport)
