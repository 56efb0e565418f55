"""What a deployment tells those who watch it: a whole visit in spans and figures, and nobody in them."""

import json
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from tests.canaries import Flock

from hugathome import OneTimeCodes, Participant, Session, SmsNotSent, blocking
from hugathome.codes import Sms
from hugathome.errors import CodeRejected, StoreUnavailable
from hugathome.otel import DURATION, OpenTelemetry
from hugathome.sending.ways import taken
from hugathome.sms import OutboxSms
from hugathome.stores import open_code_store, open_store
from hugathome.telemetry import METRICS, SILENT
from hugathome.testing import FakeHugAtHome, Network, Outbox, Robot

KEY = b"a key that is only ever used in tests"
NAME, NUMBER, PERSON = "Zebulon Quokkabert", "+41791239746", "urn:pid:bilby-5521"
DOCTOR = Participant(id="dr-wallaby", role="practitioner", name="Dr Wallaby")
PATIENT = Participant(id="p-numbat", role="patient", name=NAME, phone=NUMBER, reference=PERSON)


class Watch:
    """An SDK that keeps in memory what it is told."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        tracers = TracerProvider(shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        meters = MeterProvider([self._reader], shutdown_on_exit=False)
        self.telemetry = OpenTelemetry(tracer_provider=tracers, meter_provider=meters)

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._spans.get_finished_spans())

    def span(self, name: str) -> ReadableSpan:
        return next(span for span in self.spans if span.name == name)

    @property
    def figures(self) -> dict[tuple[str, str], float]:
        """Return each figure by name and label; of a duration, how often it was measured."""
        return {(name, label): amount for name, label, amount in self._figures()}

    @property
    def exported(self) -> str:
        """Return all that an exporter would send."""
        data = self._reader.get_metrics_data()
        return "".join(span.to_json() for span in self.spans) + (data.to_json() if data else "")

    def _figures(self) -> Iterator[tuple[str, str, float]]:
        data = self._reader.get_metrics_data()
        told = json.loads(data.to_json()) if data else {"resource_metrics": []}
        for resource in told["resource_metrics"]:
            for scope in resource["scope_metrics"]:
                for metric in scope["metrics"]:
                    for point in metric["data"]["data_points"]:
                        label = ",".join(sorted(map(str, point["attributes"].values())))
                        yield metric["name"], label, point.get("value", point.get("count"))


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
async def hug(watch: Watch) -> AsyncIterator[FakeHugAtHome]:
    async with FakeHugAtHome(telemetry=watch.telemetry) as hug:
        yield hug


async def planned(hug: FakeHugAtHome) -> Session:
    now = hug.clock.now()
    session = await hug.sessions.plan(
        organisation="hug",
        service="cardiology",
        starts_at=now,
        ends_at=now + timedelta(minutes=30),
        participants=[DOCTOR, PATIENT],
    )
    return await hug.sessions.accept(session.id, PATIENT.id, recorded_by=DOCTOR.id)


async def held(hug: FakeHugAtHome) -> Session:
    """Hold a visit: the patient comes by SMS, loses the network, and comes back."""
    session = await planned(hug)
    await hug.invite(session.id, PATIENT.id)
    tunnel = Network(hug.here)
    async with AsyncExitStack() as stack:
        sms = hug.outbox.last(to=NUMBER)
        robot = Robot.from_sms(sms, media=False, site=tunnel)
        patient = await stack.enter_async_context(robot)
        grant = hug.grant(session.id, DOCTOR.id)
        doctor = await stack.enter_async_context(Robot.from_grant(grant, at=hug.here, media=False))
        await doctor.admit(PATIENT.id)
        await patient.admitted()
        await tunnel.down()
        await hug.clock.advance(seconds=20)
        tunnel.up()
        await hug.clock.advance(seconds=20)
        await doctor.complete("completed")
    return session


async def test_a_visit_shows_as_spans_of_what_was_called(hug: FakeHugAtHome, watch: Watch) -> None:
    await held(hug)

    names = {span.name for span in watch.spans}
    assert names >= {
        "hugathome.sessions.plan",
        "hugathome.sessions.accept",
        "hugathome.reception.invite",
        "hugathome.reception.check_in",
        "hugathome.sessions.admit",
        "hugathome.sessions.complete",
        "hugathome.log.append",
    }
    assert watch.figures[DURATION, "log.append"] > 0


async def test_a_visit_shows_in_figures(hug: FakeHugAtHome, watch: Watch) -> None:
    await held(hug)
    await hug.aclose()

    figures = watch.figures
    assert figures["hugathome.joins", ""] == 2
    assert figures["hugathome.resumes", "yes"] == 1
    assert figures["hugathome.messages", "sent"] == 1
    assert figures["hugathome.rooms", ""] == figures["hugathome.connections", ""] == 0
    assert figures["hugathome.closes", "4005"] == 2


async def test_nobody_is_in_what_an_exporter_would_send(hug: FakeHugAtHome, watch: Watch) -> None:
    canaries = Flock()
    session = await held(hug)
    said = {"session": session.id, "name": NAME, "person": PERSON, "doctor": DOCTOR.id, "patient": PATIENT.id}
    for name, word in said.items():
        canaries.add(name, word)
    canaries.add_number("number", NUMBER[3:])
    canaries.add_digits("code", str(hug.outbox.messages[0].text.split()[0]))

    exported = watch.exported

    assert "hugathome.sessions.admit" in exported, "an empty export would prove nothing"
    assert canaries.heard(exported) == set()


async def test_a_refusal_is_told_by_its_kind_alone_and_is_no_failure(
    hug: FakeHugAtHome, watch: Watch
) -> None:
    session = await planned(hug)
    invitation = await hug.invite(session.id, PATIENT.id)

    with pytest.raises(CodeRejected):
        await hug.check_in(invitation.link_id, "000000")

    span = watch.span("hugathome.reception.check_in")
    assert span.attributes == {"hugathome.call": "reception.check_in", "error.type": "CodeRejected"}
    assert span.status.status_code is StatusCode.UNSET
    assert span.events == ()


async def test_what_a_deployment_could_not_do_is_a_failure(
    hug: FakeHugAtHome, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise StoreUnavailable(f"the disk of {NAME} is full")

    monkeypatch.setattr(hug._store.sessions, "save_session", fail)

    with pytest.raises(StoreUnavailable):
        await planned(hug)

    span = watch.span("hugathome.sessions.plan")
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "StoreUnavailable"
    assert NAME not in watch.exported


async def test_a_message_that_no_gateway_takes_is_counted_as_failed(watch: Watch) -> None:
    async def refuse(_: Sms | None) -> None:
        raise SmsNotSent("the gateway answered 500")

    with pytest.raises(SmsNotSent):
        await taken(refuse, None, telemetry=watch.telemetry)

    assert watch.figures == {("hugathome.messages", "failed"): 1}


async def test_without_a_telemetry_calls_are_what_they_were() -> None:
    async with FakeHugAtHome() as hug:
        session = await held(hug)

        assert (await hug.sessions.get(session.id)).outcome == "completed"
    with SILENT.span("log.append"):
        SILENT.add(METRICS[0])


def test_a_host_without_an_event_loop_is_watched_the_same(watch: Watch) -> None:
    hug = blocking.HugAtHome(
        key=KEY,
        store=open_store("memory://"),
        sms=OutboxSms(),
        site="https://visit.example.ch",
        timezone="Europe/Zurich",
        brand="HUG@home",
        telemetry=watch.telemetry,
    )
    now = datetime.now(UTC)

    with hug:
        hug.sessions.plan(
            organisation="hug",
            service="cardiology",
            starts_at=now,
            ends_at=now + timedelta(minutes=30),
            participants=[DOCTOR, PATIENT],
        )

    assert [span.name for span in watch.spans] == ["hugathome.sessions.plan"]


@pytest.mark.parametrize("kind", [OneTimeCodes, blocking.OneTimeCodes])
async def test_codes_alone_are_watched_the_same_and_name_nobody(watch: Watch, kind: Any) -> None:
    sms = OutboxSms()
    canaries = Flock()
    codes = kind(
        key=KEY,
        store=open_code_store("memory://"),
        sms=sms,
        site="https://www.example.ch",
        brand="HUG@home",
        telemetry=watch.telemetry,
    )

    challenge_id = await done(codes.send(NUMBER, subject=PERSON, purpose="log-in"))
    code = str(Outbox(sms).last(to=NUMBER).code)
    with pytest.raises(CodeRejected):
        await done(codes.verify(challenge_id, f"{(int(code) + 1) % 1_000_000:06}"))
    await done(codes.verify(challenge_id, code))

    figures, exported = watch.figures, watch.exported
    assert figures["hugathome.messages", "sent"] == 1
    assert figures["hugathome.answers", "rejected"] == figures["hugathome.answers", "accepted"] == 1
    assert figures[DURATION, "desk.send"] == 1
    assert watch.span("hugathome.desk.verify").status.status_code is StatusCode.UNSET
    for name, word in {"challenge": challenge_id, "person": PERSON}.items():
        canaries.add(name, word)
    canaries.add_number("number", NUMBER[3:])
    canaries.add_digits("code", code)
    assert canaries.heard(exported) == set()


async def done(called: object) -> Any:
    """Return what a call of either kind of host has come to."""
    return await called if isinstance(called, Awaitable) else called


async def test_without_a_provider_of_the_hosts_nothing_is_kept_and_nothing_fails() -> None:
    async with FakeHugAtHome(telemetry=OpenTelemetry()) as hug:
        assert (await planned(hug)).status == "planned"
