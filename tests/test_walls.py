"""Organisations are walls: whatever is known of a visit in one of them opens nothing in another.

Every public call is tried with what belongs to the visit of another organisation: its ids and references, its
link and code, its grant and pass. Calls are found by looking, and get arguments by the names of their
parameters: one that takes something new fails here until this module knows what that is.
"""

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.canaries import Flock
from tests.test_canaries import told

from hugathome import CodePolicy, HugAtHome, Organisation, Participant, blocking
from hugathome.errors import ConfigurationError, HugathomeError
from hugathome.reach.receipts import Receipt
from hugathome.record.history import DeliveryStatus
from hugathome.roles import Step
from hugathome.sms import OutboxSms
from hugathome.stores import Store, open_store
from hugathome.testing import FakeClock, Outbox
from hugathome.testing.fake import seeded

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
KEY = b"thirty-two random bytes, or more"
PERSON, VISIT, SLOT = "pid/4711", "appointment/4711", "tuesday/9"

OURS = {
    "aclose": "closes what is one's own",
    "asgi": "takes nothing",
    "drain": "takes a time",
    "house": "settings, and no visit",
    "knows_receipts": "gateways are the deployment's",
    "receipt_url": "gateways are the deployment's",
    "room_url": "writes what it is given",
    "run_due": "takes nothing",
    "serve": "looks at grants as `visit_pass` does",
}
"""Calls of `HugAtHome` that take nothing of a visit."""


def hug_of(store: Store, sms: OutboxSms, clock: FakeClock, *organisations: str) -> HugAtHome:
    return HugAtHome(
        key=KEY,
        store=store,
        sms=sms,
        site="https://www.example.ch/visit",
        timezone="Europe/Zurich",
        brand="HUG@home",
        organisations={name: Organisation(brand=f"Clinic {name}") for name in organisations},
        clock=clock,
        randomness=seeded(11),
    )


def people(name: str = "Nobody", phone: str = "+41791112233") -> list[Participant]:
    return [
        Participant(id="p-1", role="patient", name=name, reference=PERSON, phone=phone),
        Participant(id="dr", role="practitioner", name="Dr A. Rossi"),
    ]


class Visit:
    """A visit in organisation `a`: whoever sings was heard over a wall."""

    def __init__(self, hug: HugAtHome, sms: OutboxSms) -> None:
        self.hug, self.sms = hug, sms
        self.flock = Flock()
        self.flock.add("name", "Quokkabert")
        self.flock.add_number("number", "791239746")
        self.flock.add("reason", "numbat")

    async def begun(self) -> None:
        hug = self.hug
        session = await hug.sessions.plan(
            organisation="a",
            service="cardiology",
            starts_at=NOW,
            ends_at=NOW + timedelta(minutes=30),
            participants=people("Zebulon Quokkabert", "+41791239746"),
            reference=VISIT,
            slot=SLOT,
        )
        await hug.sessions.accept(session.id, "p-1", recorded_by="dr", how="numbat")
        self.link = (await hug.invite(session.id, "p-1")).link_id
        self.code = Outbox(self.sms).last().code or ""
        self.grant = await hug.check_in(self.link, self.code)
        self.visit_pass = await hug.visit_pass(self.grant.token)
        self.session = await hug.sessions.get(session.id)
        self.message = self.session.of("p-1").messages[0].id

    async def state(self) -> tuple[object, ...]:
        """Return all that `a` has."""
        hug = self.hug
        session = await hug.sessions.get(self.session.id)
        events = [event async for event in hug.events(organisation="a")]
        return session, events, await hug.audit_head(organisation="a")

    def argument(self, call: str, name: str) -> Any:
        """Return what a call from outside passes: of this visit, wherever it can."""
        if (call, name) in self.special:
            return self.special[call, name]
        return self.plain[name]

    @property
    def special(self) -> dict[tuple[str, str], Any]:
        return {
            ("export", "reference"): PERSON,
            ("erase", "reference"): PERSON,
            ("list", "after"): self.session,
            ("take", "by"): people()[1],
            ("take_next", "by"): people()[1],
        }

    @property
    def plain(self) -> dict[str, Any]:
        return {
            "organisation": "b",
            "session_id": self.session.id,
            "participant_id": "p-1",
            "participant": people()[1].but(id="dr-2"),
            "participants": people(),
            "link_id": self.link,
            "code": self.code,
            "grant_token": self.grant.token,
            "pass_token": self.visit_pass.token,
            "receipt": Receipt(reference=f"{self.message}.1", status=DeliveryStatus.DELIVERED),
            "reference": VISIT,
            "slot": SLOT,
            "who": PERSON,
            "service": "cardiology",
            "by": "dr",
            "recorded_by": "dr",
            "step": Step.DEVICES_ALLOWED,
            "modality": "audio",
            "opinion": "report/1",
            "starts_at": NOW,
            "ends_at": NOW + timedelta(minutes=30),
            "closes_at": NOW + timedelta(hours=3),
            "since": NOW - timedelta(days=1),
            "until": NOW + timedelta(days=1),
            "before": NOW + timedelta(days=1),
        }


NAMING = {"reference", "slot", "who", "service", "ends_at"}
"""What is given also where it may be left out: it names a visit, or makes one."""


def calls_of(hug: HugAtHome) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield every public call with its name."""
    for name, member in inspect.getmembers_static(type(hug)):
        if name.startswith("_") or name in OURS:
            continue
        if isinstance(member, property):
            yield from _calls_of_part(hug, name)
        elif inspect.isroutine(member):
            yield name, getattr(hug, name)


def _calls_of_part(hug: HugAtHome, name: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    try:
        part = getattr(hug, name)
    except ConfigurationError:
        return  # a part that this deployment does not have
    same = inspect.getattr_static(blocking.HugAtHome, name).fget.__annotations__["return"]
    public = getattr(blocking, same if isinstance(same, str) else same.__name__)
    yield from ((call, getattr(part, call)) for call in dir(public) if not call.startswith("_"))


def arguments(visit: Visit, name: str, call: Callable[..., Any]) -> dict[str, Any]:
    """Return what a call needs, and what names a visit."""
    parameters = inspect.signature(call).parameters.values()
    named = (p.name for p in parameters if p.default is p.empty or p.name in NAMING)
    return {each: visit.argument(name, each) for each in named}


async def result_of(call: Callable[..., Any], **given: Any) -> Any:
    """Return what a call gives, or the error with which it refuses."""
    try:
        result = call(**given)
        if isinstance(result, AsyncIterator):
            return [each async for each in result]
        return await result if inspect.isawaitable(result) else result
    except HugathomeError as refused:
        return refused


def heard(flock: Flock, result: Any) -> set[str]:
    if isinstance(result, HugathomeError):
        return flock.heard(told(result))
    if isinstance(result, list | tuple):
        return {name for each in result for name in heard(flock, each)}
    written = result.to_json() if hasattr(result, "to_json") else ""
    return flock.heard(f"{result!r} {result} {written}")


@pytest.fixture
async def sms() -> OutboxSms:
    return OutboxSms()


async def test_a_deployment_opens_nothing_of_an_organisation_that_is_not_its_own(
    database: str, sms: OutboxSms
) -> None:
    clock = FakeClock(NOW)
    visit = Visit(hug_of(open_store(database), sms, clock, "a"), sms)
    await visit.begun()
    stranger = hug_of(open_store(database), sms, clock, "b")
    before, tried = await visit.state(), {}

    for name, call in calls_of(stranger):
        given = arguments(visit, name, call)
        tried[name] = result = await result_of(call, **given)
        assert heard(visit.flock, result) == set(), name
        if given.keys() & {"session_id", "link_id", "grant_token", "pass_token"}:
            assert isinstance(result, HugathomeError), name

    assert len(tried) > 50
    assert tried["receive_receipt"] is False
    assert await visit.state() == before
    await visit.hug.regrant(visit.visit_pass.token)
    await stranger.aclose()
    await visit.hug.aclose()


async def test_an_organisation_finds_nothing_of_another_in_the_same_deployment(
    database: str, sms: OutboxSms
) -> None:
    hug = hug_of(open_store(database), sms, FakeClock(NOW), "a", "b")
    visit = Visit(hug, sms)
    await visit.begun()
    before, tried = await visit.state(), {}

    for name, call in calls_of(hug):
        given = arguments(visit, name, call)
        if "organisation" in given:
            tried[name] = result = await result_of(call, **given)
            assert heard(visit.flock, result) == set(), name

    assert tried.keys() >= {"plan", "find", "list", "export", "erase", "forget", "events", "audit", "waiting"}
    assert tried["enter"].organisation == "b"  # under the reference of a visit in `a`
    assert tried["erase"] == ()
    assert await visit.state() == before
    await hug.aclose()


async def test_a_page_of_one_organisation_does_not_begin_behind_a_session_of_another(sms: OutboxSms) -> None:
    hug = hug_of(open_store("memory://"), sms, FakeClock(NOW), "a", "b")
    visit = Visit(hug, sms)
    await visit.begun()

    for after in (visit.session, visit.session.id):
        with pytest.raises(HugathomeError):
            await hug.sessions.list(organisation="b", since=NOW, until=NOW + timedelta(1), after=after)


async def test_what_is_sealed_for_one_organisation_opens_in_no_other(sms: OutboxSms) -> None:
    store = open_store("memory://")
    hug = hug_of(store, sms, FakeClock(NOW), "a", "b")
    await Visit(hug, sms).begun()
    kept: Any = store.sessions
    kept._events["b"], kept._trails["b"] = kept._events["a"], kept._trails["a"]

    for moved in (hug.events, hug.audit):
        assert isinstance(await result_of(moved, organisation="b"), HugathomeError)


async def test_one_organisation_uses_up_no_quota_of_another(sms: OutboxSms) -> None:
    clock = FakeClock(NOW)
    one = CodePolicy(sends_per_day=1)
    hug = HugAtHome(
        key=KEY,
        store=open_store("memory://"),
        sms=sms,
        site="https://www.example.ch/visit",
        timezone="Europe/Zurich",
        brand="HUG@home",
        organisations={name: Organisation(code_policy=one, brand=f"Clinic {name}") for name in "ab"},
        clock=clock,
    )

    async def invited(organisation: str) -> None:
        session = await hug.sessions.plan(
            organisation=organisation,
            service="s",
            starts_at=NOW,
            ends_at=NOW + timedelta(hours=1),
            participants=people(),
        )
        await hug.sessions.accept(session.id, "p-1", recorded_by="dr")
        await hug.invite(session.id, "p-1")

    codes = []
    for organisation in ("a", "a", "b"):
        await invited(organisation)
        codes.append(Outbox(sms).last().code)

    assert [code is not None for code in codes] == [True, False, True]
    assert "Clinic b" in sms.outbox[-1].text
    assert "Clinic a" not in sms.outbox[-1].text
