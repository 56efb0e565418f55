"""What is held about a person: said to them, and erased, with nothing left in any store that names them."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.canaries import Flock
from tests.test_canaries import at_rest

from hugathome import HugAtHome, Needs, Organisation, Participant, Session, blocking
from hugathome.codes import Sms
from hugathome.data_map import marks_of
from hugathome.errors import (
    ConfigurationError,
    InvalidInput,
    SessionNotFound,
    StillOpen,
    StoreUnavailable,
)
from hugathome.record.erasure import ERASED, STAYS, is_blank
from hugathome.record.expertise import Expertise
from hugathome.record.history import Action
from hugathome.record.imaging import ImagingStudyRef, Site
from hugathome.sms import OutboxSms
from hugathome.stores import Store, open_store
from hugathome.stores.memory import MemorySessions
from hugathome.stores.sql import METADATA
from hugathome.testing import FakeClock
from hugathome.testing.fake import seeded

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
CHILD, MOTHER = "urn:pid:bilby-5521", "urn:pid:dunnart-88"
CANARIES = {
    "child": "Quokkabert",
    "mother": "Pademelon",
    "doctor": "Bandicoot",
    "child's reference": "bilby",
    "mother's reference": "dunnart",
    "visit": "wombat",
    "reason": "numbat",
    "consent": "echidna",
    "identity": "bettong",
    "service": "kowari",
    "report": "potoroo",
    "removed for": "antechinus",
}


class Sent:
    """Takes every message."""

    async def send(self, message: Sms) -> None:
        """Take it."""


class Clinic:
    """A clinic in which everything that names anybody is a canary."""

    def __init__(self, store: Store, **options: Any) -> None:
        self.clock = FakeClock(NOW)
        self.store = store
        self.hug = HugAtHome(
            key=b"thirty-two random bytes, or more",
            store=store,
            sms=Sent(),
            site="https://www.example.ch/visit",
            timezone="Europe/Zurich",
            brand="HUG@home",
            clock=self.clock,
            randomness=seeded(7),
            **options,
        )
        self.flock = Flock()
        for name, word in CANARIES.items():
            self.flock.add(name, word)
        self.flock.add_number("child's number", "791239746")
        self.flock.add_number("mother's number", "791239747")

    async def planned(self, **facts: Any) -> Session:
        child = Participant(
            id="p-1",
            role="patient",
            name="Zebulon Quokkabert",
            reference=CHILD,
            phone="+41791239746",
            language="rm",
            needs=Needs(captions=True),
        )
        mother = Participant(
            id="m-1",
            role="related-person",
            part="parent",
            name="Anna Pademelon",
            reference=MOTHER,
            phone="+41791239747",
        )
        doctor = Participant(id="dr", role="practitioner", name="Dr Bandicoot", reference="staff/1")
        plan: dict[str, Any] = {
            "organisation": "hug",
            "service": "kowari",
            "reference": "visit/wombat-1",
            **facts,
        }
        return await self.hug.sessions.plan(
            **plan,
            starts_at=self.clock.now(),
            ends_at=self.clock.now() + timedelta(minutes=30),
            participants=[child, mother, doctor],
        )

    async def held(self, **facts: Any) -> Session:
        """Hold a visit in which everything is said that may be."""
        hug, session_id = self.hug, (await self.planned(**facts)).id
        sessions = hug.sessions
        await sessions.accept(session_id, "m-1", recorded_by="dr", how="by echidna")
        await hug.invite(session_id, "p-1")
        await hug.invite(session_id, "m-1")
        await hug.identify(session_id, "p-1", by="dr", how="card bettong")
        for whom in ("p-1", "m-1", "dr"):
            await sessions.arrive(session_id, whom)
        await sessions.admit(session_id, "p-1", by="dr")
        await sessions.remove(session_id, "m-1", by="dr", reason="antechinus in the room")
        await sessions.change_modality(session_id, "audio", by="dr", reason="numbat on the line")
        return await sessions.complete(session_id, by="dr", outcome="report", result="report/potoroo")

    async def known(self) -> str:
        """Return all that this deployment can read of the organisation."""
        hug = self.hug
        span: dict[str, Any] = {"since": NOW - timedelta(days=999), "until": NOW + timedelta(days=999)}
        sessions = [each.to_json() for each in await hug.sessions.list(organisation="hug", **span)]
        events = [each.to_json() async for each in hug.events(organisation="hug")]
        audit = [each.to_json() async for each in hug.audit(organisation="hug")]
        return "\n".join([*sessions, *events, *audit])


@pytest.fixture
async def clinic(database: str) -> AsyncIterator[Clinic]:
    clinic = Clinic(open_store(database))
    yield clinic
    await clinic.hug.aclose()


def hold(url: str = "memory://", **options: Any) -> Clinic:
    return Clinic(open_store(url), **options)


# --- Erasing -------------------------------------------------------------------------------------


async def test_of_an_erased_patient_nothing_can_be_read_that_named_anybody(clinic: Clinic) -> None:
    session = await clinic.held()
    before = await clinic.known()

    erased = await clinic.hug.erase(organisation="hug", reference=CHILD, by="the records office")

    assert erased == (session.id,)
    assert clinic.flock.heard(before) == {*CANARIES, "child's number", "mother's number"}
    assert clinic.flock.heard(await clinic.known()) == set()


async def test_evidence_stays_that_names_nobody(clinic: Clinic) -> None:
    before = await clinic.held()
    events = [event async for event in clinic.hug.events(organisation="hug")]

    await clinic.hug.erase(organisation="hug", reference=CHILD, by="the records office")

    after = await clinic.hug.sessions.get(before.id)
    assert (after.status, after.outcome, after.window) == (before.status, before.outcome, before.window)
    facts = [(change.action, change.at, change.by, change.participant) for change in after.history]
    assert facts[:-1] == [(c.action, c.at, c.by, c.participant) for c in before.history]
    assert facts[-1] == (Action.ERASE, NOW, "the records office", None)
    assert [each.role for each in after.participants] == [each.role for each in before.participants]
    assert {each.name for each in after.participants} == {after.service} == {ERASED}
    told = [event async for event in clinic.hug.events(organisation="hug")]
    assert [each.position for each in told] == list(range(1, len(events) + 2))
    assert [each.change for each in told] == list(after.history)
    assert is_blank(after)


async def test_nothing_leads_to_an_erased_patient(clinic: Clinic) -> None:
    await clinic.held()
    link = (await clinic.hug.sessions.find(organisation="hug", reference="visit/wombat-1")).of("p-1").link_id
    assert link is not None

    await clinic.hug.erase(organisation="hug", reference=CHILD, by="x")

    span: dict[str, Any] = {"since": NOW - timedelta(days=1), "until": NOW + timedelta(days=1)}
    for who in (CHILD, MOTHER):
        assert list(await clinic.hug.sessions.list(organisation="hug", who=who, **span)) == []
    assert list(await clinic.hug.sessions.list(organisation="hug", service="kowari", **span)) == []
    assert await clinic.hug.sessions.find_by_link(link) is None
    with pytest.raises(SessionNotFound):
        await clinic.hug.sessions.find(organisation="hug", reference="visit/wombat-1")
    assert (await clinic.hug.export(organisation="hug", reference=CHILD)).sessions == ()


async def test_the_audit_trail_stays_whole_and_says_who_erased(clinic: Clinic) -> None:
    session = await clinic.held()
    head = await clinic.hug.audit_head(organisation="hug")
    before = [entry async for entry in clinic.hug.audit(organisation="hug")]

    await clinic.hug.erase(organisation="hug", reference=CHILD, by="the records office")

    after = [entry async for entry in clinic.hug.audit(organisation="hug")]
    assert after[:-1] == before
    assert (after[-1].action, after[-1].session, after[-1].by) == (
        Action.ERASE,
        session.id,
        "the records office",
    )
    await clinic.hug.verify_audit(organisation="hug", head=head)
    assert clinic.flock.heard("".join(entry.to_json() for entry in after)) == set()


async def test_what_was_sealed_before_is_gone_from_the_files_once_they_are_closed(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/clinic.db"
    clinic = hold(database)
    session = await clinic.held()
    stored = await clinic.store.sessions.load_session(session.id)
    events = await clinic.store.sessions.load_events("hug", after=0, limit=99)
    assert stored is not None
    sealed = [stored.body, *(body for _, body in events[1:])]
    pieces = [piece for body in sealed for piece in (body[8:48], body[-40:])]
    assert any(piece in at_rest(database, tmp_path) for piece in pieces)

    await clinic.hug.erase(organisation="hug", reference=CHILD, by="x")
    await clinic.hug.aclose()

    assert [piece for piece in pieces if piece in at_rest(database, tmp_path)] == []


async def test_erasing_again_changes_nothing(clinic: Clinic) -> None:
    await clinic.held()
    await clinic.hug.erase(organisation="hug", reference=CHILD, by="x")
    before = await clinic.known()

    assert await clinic.hug.erase(organisation="hug", reference=CHILD, by="x") == ()
    assert await clinic.known() == before


async def test_a_session_that_has_not_ended_is_named_and_nothing_is_erased(clinic: Clinic) -> None:
    held = await clinic.held()
    planned = await clinic.planned(reference="visit/wombat-2")
    before = await clinic.known()

    with pytest.raises(StillOpen) as refused:
        await clinic.hug.erase(organisation="hug", reference=CHILD, by="x")

    assert refused.value.sessions == (planned.id,)
    assert planned.id in str(refused.value)
    assert await clinic.known() == before
    await clinic.hug.sessions.cancel(planned.id, by="dr", reason="numbat")
    erased = await clinic.hug.erase(organisation="hug", reference=CHILD, by="x")
    assert set(erased) == {held.id, planned.id}
    assert clinic.flock.heard(await clinic.known()) == set()


async def test_whoever_is_no_patient_takes_only_what_is_theirs_along(clinic: Clinic) -> None:
    session = await clinic.held()

    await clinic.hug.erase(organisation="hug", reference=MOTHER, by="x")

    after = await clinic.known()
    gone = {"mother", "mother's reference", "mother's number", "removed for", "consent"}
    assert clinic.flock.heard(after) == {*CANARIES, "child's number"} - gone
    assert (await clinic.hug.sessions.find(organisation="hug", reference="visit/wombat-1")).id == session.id
    await clinic.hug.erase(organisation="hug", reference=CHILD, by="x")
    assert clinic.flock.heard(await clinic.known()) == set()


async def cancelled_for_twins(clinic: Clinic) -> None:
    twins = [
        Participant(id=f"p-{n}", role="patient", name=name, reference=f"pid/{n}")
        for n, name in enumerate(("Quokkabert", "Pademelon"))
    ]
    session = await clinic.hug.sessions.plan(
        organisation="hug",
        service="kowari",
        starts_at=NOW,
        ends_at=NOW + timedelta(hours=1),
        participants=twins,
    )
    await clinic.hug.sessions.cancel(session.id, by="x", reason="numbat")


async def test_of_two_patients_who_are_erased_at_once_nothing_is_left() -> None:
    clinic = hold()
    await cancelled_for_twins(clinic)
    rewrite_at_once = clinic.store.sessions.rewrite_events

    async def rewrite_and_be_overtaken(session_id: str, rewrite: Callable[[bytes], bytes]) -> None:
        await rewrite_at_once(session_id, rewrite)
        if waiting:
            await clinic.hug.erase(organisation="hug", reference=waiting.pop(), by="x")

    waiting = ["pid/1"]
    clinic.store.sessions.rewrite_events = rewrite_and_be_overtaken  # type: ignore[method-assign]
    await clinic.hug.erase(organisation="hug", reference="pid/0", by="x")

    assert clinic.flock.heard(await clinic.known()) == set()


async def test_of_two_patients_the_first_leaves_the_other_their_visit() -> None:
    clinic = hold()
    await cancelled_for_twins(clinic)

    await clinic.hug.erase(organisation="hug", reference="pid/0", by="x")
    assert clinic.flock.heard(await clinic.known()) == {"mother", "service", "reason"}
    await clinic.hug.erase(organisation="hug", reference="pid/1", by="x")
    assert clinic.flock.heard(await clinic.known()) == set()


async def test_what_an_expert_was_asked_goes_with_the_patient(clinic: Clinic) -> None:
    study = ImagingStudyRef(study_uid="1.2.840.5521", modality="CT", accession_number="wombat")
    question = Expertise(
        kind="SecondOpinion",
        requesting=Site(name="Quokkabert House"),
        study=study,
        question="a numbat?",
    )
    expert = Participant(id="ex", role="practitioner", part="expert", name="Bandicoot")
    session = await clinic.planned(expertise=question)
    await clinic.hug.sessions.join(session.id, expert, by="dr")
    await clinic.hug.sessions.take_on(session.id, by="ex", site=Site(name="Pademelon Clinic"))
    await clinic.hug.sessions.give_opinion(session.id, by="ex", opinion="report/potoroo")
    await clinic.hug.sessions.complete(session.id, by="ex")

    await clinic.hug.erase(organisation="hug", reference=CHILD, by="x")

    assert clinic.flock.heard(await clinic.known()) == set()


def test_in_a_transaction_of_the_host_s_it_is_erased_when_that_commits(database: str) -> None:
    engine = sa.create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
    METADATA.create_all(engine)
    who = {"organisation": "hug", "reference": CHILD}
    patient = Participant(id="p-1", role="patient", name="Quokkabert", reference=CHILD)
    with engine.connect() as connection, blocking_hug(open_store(connection)) as hug:
        with connection.begin():
            where: dict[str, Any] = {"organisation": "hug", "service": "kowari"}
            entered = [hug.queue.enter(**where, participants=[patient]) for _ in range(2)]
            for session in entered:
                hug.sessions.cancel(session.id, by="dr")

        with connection.begin() as transaction:
            assert len(hug.erase(**who, by="x")) == 2
            transaction.rollback()
        with connection.begin():
            assert len(hug.export(**who).sessions) == 2
            hug.erase(**who, by="x")

        with connection.begin():
            assert hug.export(**who).sessions == ()
            assert all(hug.sessions.get(each.id).room_kept_until is None for each in entered)
    engine.dispose()


def blocking_hug(store: Store) -> blocking.HugAtHome:
    return blocking.HugAtHome(
        key=b"thirty-two random bytes, or more",
        store=store,
        sms=OutboxSms(),
        site="https://www.example.ch/visit",
        timezone="Europe/Zurich",
        brand="HUG@home",
        clock=FakeClock(NOW),
    )


class Dying(MemorySessions):
    """Refuses the save of a given number, as a process would that is killed before it."""

    def __init__(self) -> None:
        super().__init__()
        self.left: int | None = None

    async def save_session(self, *args: Any, **kwargs: Any) -> bool:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise StoreUnavailable("killed")
        return await super().save_session(*args, **kwargs)


@pytest.mark.parametrize("saves", range(6))
async def test_whoever_is_killed_in_between_goes_on_where_they_were(saves: int) -> None:
    memory = open_store("memory://")
    sessions = Dying()
    clinic = Clinic(Store(sessions=sessions, codes=memory.codes, log_url=memory.log_url))
    for number in range(3):
        await clinic.held(reference=f"visit/wombat-{number}")

    sessions.left = saves
    with pytest.raises(StoreUnavailable):
        await clinic.hug.erase(organisation="hug", reference=CHILD, by="x")
    sessions.left = None
    left = await clinic.hug.erase(organisation="hug", reference=CHILD, by="x")

    assert len(left) == 3 - (saves + 1) // 2  # each is saved without its people, and then without its room
    assert clinic.flock.heard(await clinic.known()) == set()
    actions = [entry.action async for entry in clinic.hug.audit(organisation="hug")]
    assert actions.count(Action.ERASE) == 3


def test_every_field_of_a_session_is_said_to_stay_or_goes() -> None:
    kinds = {record for record, _, _ in marks_of(Session)}

    assert all(names <= set(kind.model_fields) for kind, names in STAYS.items())
    assert {kind.__name__ for kind in kinds} >= {kind.__name__ for kind in STAYS} - {"Window"}


@pytest.mark.parametrize("reference", [None, 7, "\ud800"])
async def test_a_reference_that_is_none_is_refused(reference: Any) -> None:
    with pytest.raises(InvalidInput):
        await hold().hug.erase(organisation="hug", reference=reference, by="x")


@pytest.mark.parametrize("by", [7, "x" * 201, "\ud800"])
async def test_whoever_cannot_be_noted_as_having_erased_erases_nothing(by: Any) -> None:
    clinic = hold()
    await clinic.held()
    before = await clinic.known()

    with pytest.raises(InvalidInput):
        await clinic.hug.erase(organisation="hug", reference=CHILD, by=by)

    assert await clinic.known() == before


# --- Exporting -----------------------------------------------------------------------------------


async def test_a_patient_gets_all_that_is_theirs_and_of_the_others_what_they_saw(clinic: Clinic) -> None:
    session = await clinic.held()
    await clinic.planned(reference="visit/wombat-2")

    dossier = await clinic.hug.export(organisation="hug", reference=CHILD)

    assert dossier.sessions[0].id == session.id
    assert len(dossier.sessions) == 2
    others = {"mother's reference", "mother's number", "removed for"}
    assert clinic.flock.heard(dossier.to_json()) == {*CANARIES, "child's number"} - others
    assert {each.session for each in dossier.events} == {each.id for each in dossier.sessions}
    assert [each.change.action for each in dossier.events if each.session == session.id] == [
        change.action for change in session.history
    ]
    assert len(dossier.audit) == len(dossier.events)
    assert all(a.link_id is None and a.challenge_id is None for a in dossier.sessions[0].attendance.values())


async def test_a_mother_gets_what_is_hers_and_nothing_of_her_child_s_visit(clinic: Clinic) -> None:
    await clinic.held()

    dossier = await clinic.hug.export(organisation="hug", reference=MOTHER)

    hers = {"mother", "mother's reference", "mother's number", "removed for", "consent"}
    assert clinic.flock.heard(dossier.to_json()) == hers
    assert {done.action for done in dossier.audit} == {done.change.action for done in dossier.events}
    assert {entry.participant for entry in dossier.audit} == {"m-1"}
    assert {event.change.participant for event in dossier.events} == {"m-1"}


async def test_no_event_of_anybody_else_is_read_for_a_dossier(clinic: Clinic) -> None:
    await clinic.held()

    async def refused(*_: Any, **__: Any) -> Any:
        raise AssertionError("the stream of the whole organisation was read")

    clinic.store.sessions.load_events = refused  # type: ignore[method-assign]

    dossier = await clinic.hug.export(organisation="hug", reference=CHILD)
    assert [event.position for event in dossier.events] == list(range(1, len(dossier.events) + 1))


async def test_who_is_not_known_has_an_empty_dossier(clinic: Clinic) -> None:
    await clinic.held()

    dossier = await clinic.hug.export(organisation="hug", reference="nobody")

    assert (dossier.sessions, dossier.events, dossier.audit) == ((), (), ())
    assert type(dossier).from_json(dossier.to_json()) == dossier


async def test_no_page_is_missed_however_many_there_are() -> None:
    clinic = hold()
    child = Participant(id="p-1", role="patient", name="Quokkabert", reference=CHILD)
    for number in range(205):
        session = await clinic.hug.sessions.plan(
            organisation="hug",
            service="kowari",
            starts_at=NOW,
            ends_at=NOW + timedelta(minutes=5),
            participants=[child],
            reference=f"visit/{number}",
        )
        await clinic.hug.sessions.cancel(session.id, by="dr")

    dossier = await clinic.hug.export(organisation="hug", reference=CHILD)
    erased = await clinic.hug.erase(organisation="hug", reference=CHILD, by="x")

    assert len(dossier.sessions) == len(erased) == 205
    assert len(dossier.events) == len(dossier.audit) == 410


# --- Keeping for as long as an organisation says -------------------------------------------------


async def test_what_an_organisation_keeps_for_a_year_is_erased_when_it_is_over(database: str) -> None:
    keeps, never = Organisation(kept=timedelta(days=365)), Organisation()
    clinic = hold(database, organisations={"hug": keeps, "other": never})
    session = await clinic.held()
    other = await clinic.held(organisation="other")

    await clinic.clock.advance(minutes=16)
    due = await clinic.hug.run_due()
    assert due == NOW + timedelta(days=365)
    await clinic.clock.advance(days=364)
    await clinic.hug.run_due()
    assert "child" in clinic.flock.heard((await clinic.hug.sessions.get(session.id)).to_json())

    await clinic.clock.advance(days=1)
    assert await clinic.hug.run_due() is None

    assert clinic.flock.heard(await clinic.known()) == set()
    assert "child" in clinic.flock.heard((await clinic.hug.sessions.get(other.id)).to_json())
    actions = [entry.action async for entry in clinic.hug.audit(organisation="hug")]
    assert actions.count(Action.ERASE) == 1
    await clinic.hug.aclose()


async def test_an_organisation_that_says_otherwise_by_then_is_heard(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/clinic.db"
    first = hold(url, organisations={"hug": Organisation(kept=timedelta(days=30))})
    session = await first.held()
    await first.clock.advance(minutes=16)
    await first.hug.run_due()
    await first.hug.aclose()
    second = hold(url, organisations={"hug": Organisation(kept=timedelta(days=60))})
    await second.clock.advance(days=31)

    assert await second.hug.run_due() == NOW + timedelta(days=60)
    assert "child" in second.flock.heard((await second.hug.sessions.get(session.id)).to_json())
    await second.hug.aclose()


async def test_a_host_forgets_what_ended_before_a_day_and_no_other(clinic: Clinic) -> None:
    old = await clinic.held()
    await clinic.clock.advance(days=10)
    new = await clinic.held(reference="visit/new")
    planned = await clinic.planned(reference="visit/planned")

    before = NOW + timedelta(days=1)
    assert await clinic.hug.forget(organisation="hug", before=before, by="cron") == 1
    assert await clinic.hug.forget(organisation="hug", before=before, by="cron") == 0

    named = [await clinic.hug.sessions.get(each.id) for each in (old, new, planned)]
    assert [bool(clinic.flock.heard(each.to_json())) for each in named] == [False, True, True]


async def test_a_host_that_forgets_reads_what_is_to_be_forgotten_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clinic = Clinic(open_store("memory://"))
    for number in range(3):
        await clinic.held(reference=f"visit/{number}")
        await clinic.clock.advance(days=1)
    assert await clinic.hug.forget(organisation="hug", before=NOW + timedelta(days=1), by="cron") == 1
    read: list[Session] = []
    opened = Session.from_json

    def noted(body: Any) -> Session:
        read.append(opened(body))
        return read[-1]

    monkeypatch.setattr(Session, "from_json", noted)

    assert await clinic.hug.forget(organisation="hug", before=NOW + timedelta(hours=1), by="cron") == 0

    assert len(read) == 2, "those that still name somebody; the forgotten one is not looked at again"


@pytest.mark.parametrize("kept", [timedelta(0), timedelta(days=-1), 365])
def test_an_organisation_keeps_for_longer_than_nothing(kept: Any) -> None:
    with pytest.raises(ConfigurationError, match="kept="):
        Organisation(kept=kept)
