"""The demonstration: one teleconsultation by itself, over a real server, SQLite and live media.

Two robots hold it, a patient who has nothing but an SMS and a clinician who holds a grant; what happens is
printed as it happens. Every line is also a check: the demonstration fails where one does not hold.
"""

import asyncio
import secrets
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import perf_counter

from hugathome.app import HugAtHome
from hugathome.errors import CodeError
from hugathome.phone import PhoneNumber
from hugathome.record.history import Action, Change
from hugathome.record.participants import Participant
from hugathome.record.transitions import Status
from hugathome.session import Session
from hugathome.sms import OutboxSms
from hugathome.stores import open_store
from hugathome.testing import Outbox, Robot, meet
from hugathome.web.serving import listening, serving

SECONDS_OF_VISIT = 3.0
PATIENT, CLINICIAN = "p-1", "dr-rossi"
TOLD = {Action.PLAN, Action.ACCEPT, Action.INVITE, Action.CHECK_IN, Action.ADMIT, Action.COMPLETE}
"""What the host's event stream must have told, at the least."""


class DemoFailed(Exception):
    """Something that the demonstration shows did not hold."""


@dataclass
class Timeline:
    """Prints what happens, and when since the beginning."""

    print_line: Callable[[str], None]
    began: float = field(default_factory=perf_counter)

    def say(self, what: str, *details: str) -> None:
        """Print one line, and indented ones below it."""
        self.print_line(f"{perf_counter() - self.began:7.2f} s  {what}")
        for detail in details:
            for line in detail.splitlines():
                self.print_line(f"{'':11}│ {line}")

    def check(self, what: str, *details: str, holds: bool) -> None:
        """Print what holds; raise `DemoFailed` if it does not."""
        self.say(what if holds else f"FAILED: {what}", *details)
        if not holds:
            raise DemoFailed(what)


async def run(print_line: Callable[[str], None], *, port: int = 0) -> int:
    """Hold the visit, printing each line as it happens; return 0 if all of it held."""
    timeline = Timeline(print_line)
    try:
        with tempfile.TemporaryDirectory() as folder:
            async with asyncio.timeout(60):
                await _visit(timeline, Path(folder) / "clinic.db", port=port)
    except DemoFailed:
        return 1
    except TimeoutError:
        timeline.say("FAILED: it took too long")
        return 1
    timeline.say("all of it held")
    return 0


async def _visit(timeline: Timeline, database: Path, *, port: int) -> None:
    sms = OutboxSms()
    async with _server(database, sms, port=port) as hug:
        session = await _planned(timeline, hug)
        patient = await _invited(timeline, hug, session, Outbox(sms))
        await _typed(timeline, patient, Outbox(sms))
        async with patient:
            await patient.waiting()
            session = await hug.sessions.get(session.id)
            timeline.check("the patient waits, and nobody else", holds=_ids(session.waiting) == [PATIENT])
            grant = hug.grant(session.id, CLINICIAN)
            timeline.say("the clinician clicks in the hospital's own software")
            async with Robot.from_grant(grant, at=hug.site) as clinician:
                await _met(timeline, patient, clinician)
                await clinician.complete("in-person-visit-needed")
                await patient.ended()
        await _ended(timeline, hug, session)


@asynccontextmanager
async def _server(database: Path, sms: OutboxSms, *, port: int) -> AsyncGenerator[HugAtHome]:
    bound = listening(port=port)
    hug = HugAtHome(
        key=secrets.token_bytes(32),
        store=open_store(f"sqlite:///{database}"),
        sms=sms,
        site=f"http://127.0.0.1:{bound.getsockname()[1]}/visit",
        timezone="Europe/Zurich",
        brand="HUG@home",
        help_phone="+41223723311",
    )
    async with hug, serving(hug.asgi(otherwise=hug.asgi()), bound):
        yield hug


async def _planned(timeline: Timeline, hug: HugAtHome) -> Session:
    now = hug.clock.now()
    session = await hug.sessions.plan(
        organisation="hug",
        service="cardiology",
        modality="video",
        starts_at=now + timedelta(minutes=10),
        ends_at=now + timedelta(minutes=40),
        reference="appointment/4711",
        participants=[
            Participant(id=CLINICIAN, role="practitioner", name="Dr A. Rossi"),
            Participant(
                id=PATIENT,
                role="patient",
                name="M. Dupont",
                language="fr",
                phone=PhoneNumber.parse("079 123 45 67", region="CH"),
            ),
        ],
    )
    timeline.say(f"planned: a visit by video in ten minutes, served at {hug.site}")
    await hug.sessions.accept(session.id, PATIENT, recorded_by=CLINICIAN)
    timeline.say("accepted: the patient's consent is recorded")
    return session


async def _invited(timeline: Timeline, hug: HugAtHome, session: Session, outbox: Outbox) -> Robot:
    await hug.invite(session.id, PATIENT)
    sms = outbox.last()
    timeline.say(f"sent to {sms.to}:", sms.text)
    patient = Robot.from_sms(sms)
    visit = await patient.open()
    timeline.check(f"link opened: the page says {visit['starts']}", holds=visit["status"] == "open")
    return patient


async def _typed(timeline: Timeline, patient: Robot, outbox: Outbox) -> None:
    code = outbox.last().code or ""
    wrong = f"{(int(code) + 1) % 10 ** len(code):0{len(code)}}"
    try:
        await patient.type_code(wrong)
    except CodeError as refused:
        timeline.say(f"code typed wrong: {refused}")
    else:
        timeline.check("a wrong code is refused", holds=False)
    await patient.type_code(f"{code[:3]} {code[3:]}")
    timeline.say("code typed right, with a space as people do: checked in")


async def _met(timeline: Timeline, patient: Robot, clinician: Robot) -> None:
    await clinician.admit(PATIENT)
    await asyncio.gather(patient.admitted(), clinician.admitted())
    began = perf_counter()
    timeline.say("admitted: the clinician lets the patient in")
    await asyncio.gather(
        patient.peer.video(CLINICIAN).recv(),
        clinician.peer.video(PATIENT).recv(),
        patient.peer.audio(CLINICIAN).recv(),
        clinician.peer.audio(PATIENT).recv(),
    )
    milliseconds = (perf_counter() - began) * 1000
    timeline.say(f"connected in {milliseconds:.0f} ms: picture and sound in both directions")
    await asyncio.gather(asyncio.sleep(SECONDS_OF_VISIT), meet(patient, clinician))
    for who, other, whom in ((clinician, PATIENT, "clinician"), (patient, CLINICIAN, "patient")):
        video, audio = who.peer.video(other), who.peer.audio(other)
        is_live = video.frames > 10 * SECONDS_OF_VISIT and audio.seconds > 0.5 * SECONDS_OF_VISIT
        timeline.check(
            f"the {whom} saw {video.frames} moving frames and heard {audio.seconds:.1f} s of sound",
            holds=is_live,
        )


async def _ended(timeline: Timeline, hug: HugAtHome, session: Session) -> None:
    session = await hug.sessions.get(session.id)
    is_done = session.status is Status.COMPLETED and session.outcome == "in-person-visit-needed"
    timeline.check(f"ended: {session.status}, outcome {session.outcome}", holds=is_done)
    events = [event async for event in hug.events(organisation="hug")]
    is_dense = [event.position for event in events] == list(range(1, len(events) + 1))
    timeline.check(
        f"the hospital's software saw {len(events)} events, in order:",
        *(f"{event.position:3} {event.change.action}{_whom(event.change)}" for event in events),
        holds=is_dense and {event.change.action for event in events} >= TOLD,
    )


def _ids(participants: tuple[Participant, ...]) -> list[str]:
    return [participant.id for participant in participants]


def _whom(change: Change) -> str:
    return "".join(f" {word}" for word in (change.participant, change.step) if word)
