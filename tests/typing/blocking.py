"""The library as a synchronous host writes it; `test_embedding.py` has it checked and runs it."""

from datetime import datetime

from hugathome import CodeError, Event, Participant, Session
from hugathome.blocking import HugAtHome


def held(hug: HugAtHome, *, start: datetime, end: datetime) -> Session:
    session = hug.sessions.plan(
        organisation="hug",
        service="cardiology",
        modality="audio",
        starts_at=start,
        ends_at=end,
        participants=[
            Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi"),
            Participant(id="p-1", role="patient", name="M. Dupont", phone="+41791234567"),
        ],
    )
    session = hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
    link: str = hug.invite(session.id, "p-1").link_id
    shown: list[str] = []
    try:
        hug.check_in(link, "not a code")
    except CodeError as refused:
        shown.append(refused.public)
    session = hug.sessions.change_modality(session.id, "phone", by="dr-rossi")
    session = hug.identify(session.id, "p-1", by="dr-rossi", how="known to us")
    assert session.is_by_phone
    page: str = hug.room_url(hug.grant(session.id, "dr-rossi"))
    assert page
    return hug.sessions.complete(session.id, by="dr-rossi")


def told(hug: HugAtHome) -> list[Event]:
    hug.run_due()
    return list(hug.events(organisation="hug", after=0))
