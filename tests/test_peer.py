"""Peers at a real hub in memory: they attend, see and hear each other, come back, leave nothing behind."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from av import AudioFrame, VideoFrame

from hugathome.app import HugAtHome
from hugathome.errors import (
    GrantRefused,
    InvalidInput,
    NotAdmitted,
    NotPermitted,
    SessionEnded,
    SessionError,
    StoreUnavailable,
    TransportClosed,
)
from hugathome.grants import JoinGrant
from hugathome.logs import open_log
from hugathome.peer import IceSettings, MovingPicture, Peer, Stream
from hugathome.protocol.messages import Restart
from hugathome.protocol.wire import CloseCode, Limits, State
from hugathome.record.participants import Participant
from hugathome.signalling import SignallingLog, Transport
from hugathome.sms import OutboxSms
from hugathome.stores import open_store
from hugathome.transports.memory import MemoryTransport, memory_pair

CALLS = 10
"""Calls after which nothing may be left; `benchmarks/fifty_calls.py` makes more."""
LOOPBACK = IceSettings(loopback=True)
SOON = timedelta(seconds=20)
DOCTOR, PATIENT, NURSE, COLLEAGUE = "dr-rossi", "p-1", "n-1", "dr-keller"


class Visit:
    """A session at a hub, and every device that has been brought into it."""

    def __init__(self, hug: HugAtHome, session_id: str, scope: asyncio.TaskGroup, log: SignallingLog) -> None:
        self.hug = hug
        self.log = log
        self.session_id = session_id
        self.devices: dict[str, MemoryTransport] = {}
        self._scope = scope

    def connect(self, participant: str) -> Transport:
        """Open a transport to the hub."""
        here, there = memory_pair()
        self.devices[participant] = here
        self._scope.create_task(self.hug.serve(there))
        return here

    def grant(self, participant: str) -> JoinGrant:
        return self.hug.grant(self.session_id, participant)

    def peer(self, participant: str, *, returns: bool = False, **options: Any) -> Peer:
        """Return a device that has not greeted yet."""

        async def reconnect() -> tuple[Transport, JoinGrant]:
            return self.connect(participant), self.grant(participant)

        options = {"ice": LOOPBACK, "reconnect": reconnect if returns else None} | options
        return Peer(self.connect(participant), self.grant(participant), **options)


@pytest.fixture
async def visit() -> AsyncIterator[Visit]:
    """Return a visit of a doctor, a patient and a nurse, who are all expected."""
    now = datetime.now(UTC)
    log = open_log("memory://")
    hug = HugAtHome(
        key=bytes(32),
        store=open_store("memory://"),
        log=log,
        sms=OutboxSms(),
        site="http://127.0.0.1/visit",
        timezone="Europe/Zurich",
        brand="HUG@home",
        limits=Limits(app=64),
    )
    async with hug, asyncio.TaskGroup() as scope:
        session = await hug.sessions.plan(
            organisation="hug",
            service="cardiology",
            modality="video",
            starts_at=now,
            ends_at=now + timedelta(minutes=30),
            participants=[
                Participant(id=DOCTOR, role="practitioner", name="Dr A. Rossi"),
                Participant(id=PATIENT, role="patient", name="M. Dupont", phone="+41791234567"),
                Participant(id=NURSE, role="nurse", name="N. Favre"),
                Participant(id=COLLEAGUE, role="practitioner", name="Dr B. Keller"),
            ],
        )
        await hug.sessions.accept(session.id, PATIENT, recorded_by=DOCTOR)
        yield Visit(hug, session.id, scope, log)


async def met(visit: Visit, stack: AsyncExitStack, **options: Any) -> tuple[Peer, Peer]:
    """Return a doctor and a patient who are connected."""
    options = {"audio": True, "video": True} | options
    doctor = await stack.enter_async_context(visit.peer(DOCTOR, **options))
    patient = await stack.enter_async_context(visit.peer(PATIENT, **options))
    if not patient.is_admitted:  # who was let in once may come again
        await doctor.arrived(PATIENT, within=SOON)
        await doctor.admit(PATIENT)
    await doctor.connected(PATIENT, within=SOON)
    await patient.connected(DOCTOR, within=SOON)
    return doctor, patient


async def next_of(stream: Stream[Any]) -> Any:
    async with asyncio.timeout(SOON.total_seconds()):
        return await stream.recv()


# --- Attending -----------------------------------------------------------------------------------


async def test_a_patient_waits_and_is_admitted_by_the_clinician(visit: Visit) -> None:
    async with visit.peer(DOCTOR, media=False) as doctor, visit.peer(PATIENT, media=False) as patient:
        await doctor.arrived(PATIENT, within=SOON)
        assert not patient.is_admitted
        assert set(patient.participants) == {PATIENT}

        await doctor.admit(PATIENT)
        await patient.admitted(within=SOON)

        assert patient.participant == PATIENT
        assert patient.participants[DOCTOR].name == "Dr A. Rossi"
        assert doctor.is_waiting(PATIENT) is False


async def test_what_is_not_permitted_is_refused_where_it_was_asked(visit: Visit) -> None:
    async with visit.peer(PATIENT, media=False) as patient:
        with pytest.raises(NotPermitted):
            await patient.admit(PATIENT)

        assert patient.participants[PATIENT].state is not State.DEPARTED


async def test_what_the_record_refuses_is_raised_with_its_reason(visit: Visit) -> None:
    async with visit.peer(DOCTOR, media=False) as doctor:
        with pytest.raises(SessionError, match="admit was refused: unknown-participant"):
            await doctor.admit("nobody")


async def test_the_clinicians_call_rings(visit: Visit) -> None:
    async with visit.peer(PATIENT, media=False) as patient:
        await visit.hug.call(visit.session_id, PATIENT, by=DOCTOR)

        await patient.rang(within=SOON)


async def test_a_text_that_was_lost_with_the_log_before_everybody_had_read_it_is_read_by_all_once(
    visit: Visit,
) -> None:
    way_back = asyncio.Event()

    async def reconnect() -> tuple[Transport, JoinGrant]:
        await way_back.wait()
        return visit.connect(PATIENT), visit.grant(PATIENT)

    async with (
        visit.peer(DOCTOR, media=False, returns=True) as doctor,
        visit.peer(PATIENT, media=False, reconnect=reconnect) as patient,
    ):
        await doctor.arrived(PATIENT, within=SOON)
        await doctor.admit(PATIENT)
        await patient.admitted(within=SOON)
        visit.devices[PATIENT].cut()
        await doctor.until(lambda peer: peer.participants[PATIENT].state is State.AWAY, within=SOON)
        former = doctor.client.peer

        await doctor.text("are you there?")
        await visit.log.forget(visit.session_id)
        await doctor.until(lambda peer: peer.client.peer != former, within=SOON)
        way_back.set()
        await patient.until(lambda peer: bool(peer.texts), within=SOON)

        assert [text.text for text in doctor.texts] == [text.text for text in patient.texts]
        assert len(doctor.texts) == 1


async def test_a_text_is_read_by_everybody_inside_and_refused_to_who_waits(visit: Visit) -> None:
    async with (
        visit.peer(DOCTOR, media=False) as doctor,
        visit.peer(PATIENT, media=False) as patient,
        visit.peer(NURSE, media=False) as nurse,
    ):
        await doctor.arrived(PATIENT, within=SOON)
        await doctor.admit(PATIENT)
        await patient.admitted(within=SOON)

        await patient.text("I cannot hear you")
        with pytest.raises(SessionError, match="not-admitted"):
            await nurse.text("let me in")
        await doctor.until(lambda peer: bool(peer.texts), within=SOON)

        assert [(each.participant, each.text) for each in doctor.texts] == [(PATIENT, "I cannot hear you")]
        assert patient.texts == doctor.texts
        assert nurse.texts == ()


async def test_what_one_publishes_the_others_inside_are_handed_in_order(visit: Visit) -> None:
    async with (
        visit.peer(DOCTOR, media=False) as doctor,
        visit.peer(COLLEAGUE, media=False) as colleague,
        visit.peer(PATIENT, media=False) as patient,
    ):
        await doctor.publish("hand", {"raised": True})
        await doctor.publish("bell")
        with pytest.raises(SessionError, match="not-admitted"):
            await patient.publish("hand")
        with pytest.raises(SessionError, match="too-long"):
            await doctor.publish("note", "x" * 63)
        with pytest.raises(InvalidInput):
            await doctor.publish("no topic")

        heard = colleague.published()
        first, second = await anext(heard), await anext(heard)
        assert (first.topic, first.data, first.participant) == ("hand", {"raised": True}, DOCTOR)
        assert (second.topic, second.data) == ("bell", None)
        await colleague.leave()
        assert [each async for each in heard] == []


async def test_the_hosts_seat_is_offered_and_taken(visit: Visit) -> None:
    async with (
        visit.peer(DOCTOR, media=False) as doctor,
        visit.peer(COLLEAGUE, media=False) as colleague,
    ):
        await colleague.until(lambda peer: peer.host == DOCTOR, within=SOON)
        with pytest.raises(SessionError, match="not-offered"):
            await colleague.accept_transfer(DOCTOR)

        await doctor.transfer(COLLEAGUE)
        await colleague.accept_transfer(DOCTOR)

        await doctor.until(lambda peer: peer.host == COLLEAGUE, within=SOON)


async def test_completing_ends_the_session_for_all(visit: Visit) -> None:
    async with visit.peer(DOCTOR, media=False) as doctor, visit.peer(PATIENT, media=False) as patient:
        await doctor.arrived(PATIENT, within=SOON)
        await doctor.admit(PATIENT)

        await doctor.complete("completed")

        assert (await patient.ended(within=SOON)).code == CloseCode.SESSION_ENDED
        assert patient.session is not None
        assert patient.session.status == "completed"
        with pytest.raises(SessionEnded):
            await patient.connected(DOCTOR, within=SOON)


async def test_leaving_ends_nothing_for_the_others(visit: Visit) -> None:
    async with visit.peer(DOCTOR, media=False) as doctor, visit.peer(PATIENT, media=False) as patient:
        await doctor.arrived(PATIENT, within=SOON)

        await patient.leave()
        await doctor.until(lambda peer: peer.participants[PATIENT].state is State.DEPARTED, within=SOON)

        assert doctor.client.end is None


async def test_whoever_is_removed_learns_it_where_they_wait(visit: Visit) -> None:
    async with visit.peer(DOCTOR, media=False) as doctor, visit.peer(PATIENT, media=False) as patient:
        await doctor.arrived(PATIENT, within=SOON)
        await doctor.deny(PATIENT)

        with pytest.raises(NotAdmitted):
            await patient.admitted(within=SOON)


async def test_a_second_device_ends_the_first(visit: Visit) -> None:
    async with visit.peer(PATIENT, media=False) as first, visit.peer(PATIENT, media=False):
        assert (await first.ended(within=SOON)).code == CloseCode.SUPERSEDED


async def test_a_grant_that_is_none_lets_nobody_in(visit: Visit) -> None:
    with pytest.raises(GrantRefused):
        async with Peer(visit.connect(PATIENT), "not a grant", media=False):
            pytest.fail("came in")


async def test_waiting_ends_when_its_time_is_over(visit: Visit) -> None:
    async with visit.peer(PATIENT, media=False) as patient:
        with pytest.raises(TimeoutError):
            await patient.admitted(within=timedelta())


async def test_a_peer_that_has_closed_waits_for_nothing(visit: Visit) -> None:
    async with visit.peer(PATIENT, media=False) as patient:
        pass
    await patient.aclose()

    with pytest.raises(TransportClosed):
        await patient.admitted(within=SOON)


# --- Coming back ---------------------------------------------------------------------------------


async def test_without_a_way_back_the_loss_of_the_transport_is_the_end(visit: Visit) -> None:
    async with visit.peer(PATIENT, media=False) as patient:
        visit.devices[PATIENT].cut()

        with pytest.raises(TransportClosed):
            await patient.admitted(within=SOON)


async def test_a_peer_comes_back_by_itself_and_says_what_it_had_to_say(visit: Visit) -> None:
    async with (
        visit.peer(DOCTOR, media=False, returns=True) as doctor,
        visit.peer(PATIENT, media=False) as patient,
    ):
        await doctor.arrived(PATIENT, within=SOON)
        peer_id = doctor.client.peer
        visit.devices[DOCTOR].cut()

        async with asyncio.timeout(SOON.total_seconds()):
            await doctor.admit(PATIENT)
        await patient.admitted(within=SOON)

        assert doctor.client.peer == peer_id


@pytest.mark.parametrize("error", [TransportClosed("down"), StoreUnavailable("down"), OSError("down")])
async def test_a_way_back_that_fails_is_tried_again(visit: Visit, error: Exception) -> None:
    tries = iter([error])

    async def reconnect() -> tuple[Transport, JoinGrant]:
        for failure in tries:
            raise failure
        return visit.connect(PATIENT), visit.grant(PATIENT)

    async with visit.peer(PATIENT, media=False, reconnect=reconnect) as patient:
        visit.devices[PATIENT].cut()
        await patient.until(lambda peer: peer.client.live_since is None, within=SOON)

        await patient.until(lambda peer: peer.client.live_since is not None, within=SOON)


@pytest.mark.parametrize("error", [GrantRefused("no more"), RuntimeError("a mistake of the host's")])
async def test_a_way_back_that_is_refused_is_the_end(visit: Visit, error: Exception) -> None:
    async def reconnect() -> tuple[Transport, JoinGrant]:
        raise error

    async with visit.peer(PATIENT, media=False, reconnect=reconnect) as patient:
        visit.devices[PATIENT].cut()

        with pytest.raises(type(error)):
            await patient.admitted(within=SOON)


# --- Sound and picture ---------------------------------------------------------------------------


@pytest.mark.media
async def test_two_peers_see_and_hear_each_other(visit: Visit) -> None:
    async with AsyncExitStack() as stack:
        doctor, patient = await met(visit, stack)

        for stream in (doctor.video(PATIENT), patient.video(DOCTOR)):
            first, later = await next_of(stream), await next_of(stream)
            assert isinstance(first, VideoFrame)
            assert (first.width, first.height) == (MovingPicture.width, MovingPicture.height)
            assert bytes(first.planes[0]) != bytes(later.planes[0])
        for sound_of in (doctor.audio(PATIENT), patient.audio(DOCTOR)):
            await next_of(sound_of)
            sound = await next_of(sound_of)
            assert isinstance(sound, AudioFrame)
            assert any(bytes(sound.planes[0]))


@pytest.mark.media
async def test_a_third_participant_joins_and_everybody_sees_everybody(visit: Visit) -> None:
    async with AsyncExitStack() as stack:
        doctor, patient = await met(visit, stack)
        nurse = await stack.enter_async_context(visit.peer(NURSE, video=True))
        await doctor.arrived(NURSE, within=SOON)
        await doctor.admit(NURSE)

        for peer, others in (
            (doctor, (PATIENT, NURSE)),
            (patient, (DOCTOR, NURSE)),
            (nurse, (DOCTOR, PATIENT)),
        ):
            for other in others:
                await next_of(peer.video(other))


@pytest.mark.media
async def test_whoever_waits_is_connected_to_nobody(visit: Visit) -> None:
    async with AsyncExitStack() as stack:
        doctor, patient = await met(visit, stack)
        nurse = await stack.enter_async_context(visit.peer(NURSE, video=True))
        await doctor.arrived(NURSE, within=SOON)
        await next_of(patient.video(DOCTOR))

        assert nurse.client.lines == {}
        assert not nurse.is_connected(DOCTOR)
        assert nurse.video(DOCTOR).frames == 0


@pytest.mark.media
async def test_a_visit_goes_on_by_telephone_and_comes_back_to_the_picture(visit: Visit) -> None:
    async with AsyncExitStack() as stack:
        doctor, patient = await met(visit, stack)

        with pytest.raises(NotPermitted):
            await patient.change_modality("phone")
        await doctor.change_modality("phone", reason="the picture stutters")
        await patient.until(lambda peer: not peer.client.lines, within=SOON)
        modality = patient.session and patient.session.modality
        await doctor.change_modality("video")
        await patient.until(lambda peer: bool(peer.client.lines), within=SOON)
        await patient.connected(DOCTOR, within=SOON)
        frame = await next_of(patient.video(DOCTOR))

    assert modality == "phone"
    assert frame.width > 0
    history = (await visit.hug.sessions.get(visit.session_id)).history
    turns = [(each.modality, each.by, each.reason) for each in history if each.action == "change-modality"]
    assert turns == [("phone", DOCTOR, "the picture stutters"), ("video", DOCTOR, None)]


@pytest.mark.media
async def test_sending_back_to_the_waiting_room_ends_sound_and_picture(visit: Visit) -> None:
    async with AsyncExitStack() as stack:
        doctor, patient = await met(visit, stack)

        await doctor.return_to_waiting(PATIENT)
        await patient.until(lambda peer: not peer.is_connected(DOCTOR) and not peer.is_admitted, within=SOON)
        await doctor.until(lambda peer: not peer.is_connected(PATIENT), within=SOON)

        await doctor.admit(PATIENT)
        await patient.connected(DOCTOR, within=SOON)


@pytest.mark.media
async def test_media_go_on_while_signalling_is_lost(visit: Visit) -> None:
    way_back = asyncio.Event()

    async def reconnect() -> tuple[Transport, JoinGrant]:
        await way_back.wait()
        return visit.connect(PATIENT), visit.grant(PATIENT)

    async with AsyncExitStack() as stack:
        doctor, patient = await met(visit, stack, returns=True)
        patient = await rejoined(visit, stack, doctor, patient, reconnect)
        (line,) = patient.client.lines.values()
        visit.devices[PATIENT].cut()
        await patient.until(lambda peer: peer.client.live_since is None, within=SOON)
        frames = patient.video(DOCTOR).frames, doctor.video(PATIENT).frames

        await patient.until(lambda peer: peer.video(DOCTOR).frames > frames[0] + 5, within=SOON)
        await doctor.until(lambda peer: peer.video(PATIENT).frames > frames[1] + 5, within=SOON)
        way_back.set()
        await patient.until(lambda peer: peer.client.live_since is not None, within=SOON)

        assert patient.client.lines[line.pair.pc].pair.gen == line.pair.gen
        assert patient.is_connected(DOCTOR)


async def rejoined(
    visit: Visit,
    stack: AsyncExitStack,
    doctor: Peer,
    patient: Peer,
    reconnect: Callable[[], Awaitable[tuple[Transport, JoinGrant]]],
) -> Peer:
    """Return the patient on another device, which comes back in its own way."""
    again = await stack.enter_async_context(visit.peer(PATIENT, audio=True, video=True, reconnect=reconnect))
    await patient.ended(within=SOON)
    await again.connected(DOCTOR, within=SOON)
    await doctor.connected(PATIENT, within=SOON)
    return again


@pytest.mark.media
async def test_a_new_generation_takes_over_without_a_pause(visit: Visit) -> None:
    async with AsyncExitStack() as stack:
        doctor, patient = await met(visit, stack)
        (line,) = patient.client.lines.values()
        seen: list[bool] = []

        def is_renewed(peer: Peer) -> bool:
            seen.append(peer.is_connected(DOCTOR))
            renewed = peer.client.lines[line.pair.pc]
            return renewed.pair.gen == line.pair.gen + 1 and renewed.is_connected

        patient._attendance.take(patient.client.said(Restart(pc=line.pair.pc, gen=line.pair.gen)))
        await patient.until(is_renewed, within=SOON)
        frames = patient.video(DOCTOR).frames
        await patient.until(lambda peer: peer.video(DOCTOR).frames > frames + 5, within=SOON)

        assert all(seen)
        assert [each.is_replaced for each in patient._connections._with[DOCTOR]] in ([False], [False, True])
        await doctor.connected(PATIENT, within=SOON)


@pytest.mark.media
async def test_a_log_that_is_lost_stops_no_picture(visit: Visit) -> None:
    async with AsyncExitStack() as stack:
        doctor, patient = await met(visit, stack, returns=True)
        former = {doctor.client.peer, patient.client.peer}
        seen: list[bool] = []

        def are_connected_anew(_: Peer) -> bool:
            seen.append(doctor.is_connected(PATIENT) and patient.is_connected(DOCTOR))
            lines = [*doctor.client.lines.values(), *patient.client.lines.values()]
            are_new = [line.is_connected and line.pair.peer not in former for line in lines]
            return are_new == [True, True]

        await visit.log.forget(visit.session_id)
        await patient.until(are_connected_anew, within=SOON)
        frames = patient.video(DOCTOR).frames
        await patient.until(lambda peer: peer.video(DOCTOR).frames > frames + 5, within=SOON)

        assert all(seen)


@pytest.mark.media
async def test_a_picture_that_nobody_reads_is_kept_once(visit: Visit) -> None:
    async with AsyncExitStack() as stack:
        doctor, _ = await met(visit, stack)
        stream = doctor.video(PATIENT)

        await doctor.until(lambda _: stream.frames > 20, within=SOON)

        assert len(stream._kept) == 1
        frame = await next_of(stream)
        assert frame.pts > 0


@pytest.mark.media
async def test_a_track_that_was_given_stays_its_owners(visit: Visit) -> None:
    async with AsyncExitStack() as scope:
        picture = MovingPicture()
        async with AsyncExitStack() as stack:
            doctor, _ = await met(visit, stack, audio=None, video=None)
            nurse = await stack.enter_async_context(visit.peer(NURSE, video=picture))
            await doctor.arrived(NURSE, within=SOON)
            await doctor.admit(NURSE)
            await next_of(doctor.video(NURSE))
            await nurse.leave()

        assert picture.readyState == "live"
        assert isinstance(await picture.recv(), VideoFrame)
        scope.callback(picture.stop)


@pytest.mark.media
async def test_whoever_reads_when_the_peer_closes_is_told(visit: Visit) -> None:
    async with AsyncExitStack() as stack:
        _, patient = await met(visit, stack, audio=None, video=None)
        reading = asyncio.create_task(patient.video(DOCTOR).recv())
        await patient.aclose()

        with pytest.raises(TransportClosed):
            await reading
        assert not patient.is_connected(DOCTOR)


@pytest.mark.media
async def test_calls_leave_no_task_thread_or_descriptor_behind(visit: Visit) -> None:
    left = []
    for number in range(CALLS + 1):
        async with AsyncExitStack() as stack:
            doctor, patient = await met(visit, stack)
            await next_of(doctor.video(PATIENT))
            await next_of(patient.video(DOCTOR))
            if number % 2:
                await patient.leave()
        await asyncio.gather(*(task for task in asyncio.all_tasks() if "serve" in repr(task.get_coro())))
        left.append(left_over())

    assert left[1:] == left[:1] * CALLS


def left_over() -> tuple[int, list[str], int]:
    """Count tasks and descriptors, and name the threads that are not the loop's own pool."""
    threads = [each.name for each in threading.enumerate() if not each.name.startswith("asyncio_")]
    return len(asyncio.all_tasks()), threads, len(list(Path("/proc/self/fd").iterdir()))
