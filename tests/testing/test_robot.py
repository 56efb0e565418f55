"""What robots say of what they see and hear: a still picture has not moved, and silence is not a sound."""

import asyncio
from collections import deque
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from av import AudioFrame, VideoFrame

from hugathome import InvalidInput, Participant, PhoneNumber, Session, Sms, TransportClosed
from hugathome.device.returning import Phase
from hugathome.sms import OutboxSms
from hugathome.testing import FakeHugAtHome, HttpSite, Network, Robot, robot
from hugathome.testing.outbox import ReceivedSms

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PHONE = PhoneNumber.parse("+41791234567")


class Frames:
    """A stream that gives what it is given, and then nothing more."""

    def __init__(self, *frames: Any) -> None:
        self.frames = 0
        self._frames = deque(frames)

    async def recv(self) -> Any:
        if not self._frames:
            await asyncio.Event().wait()
        self.frames += 1
        return self._frames.popleft()


def picture(brightness: int) -> VideoFrame:
    frame = VideoFrame(64, 48, "yuv420p")
    for plane in frame.planes:
        plane.update(bytes([brightness]) * plane.buffer_size)
    return frame


def sound(amplitude: int) -> AudioFrame:
    frame = AudioFrame("s16", "mono", 960)
    sample = amplitude.to_bytes(2, "little", signed=True)
    frame.planes[0].update((sample * 960).ljust(frame.planes[0].buffer_size))
    return frame


def robot_that_gets(*, video: Frames | None = None, audio: Frames | None = None) -> Robot:
    """Return a robot whose device receives these frames of everybody."""
    made = Robot(HttpSite("http://127.0.0.1"), media=True, admission=lambda: asyncio.sleep(0, ""))
    made._peer = SimpleNamespace(video=lambda _: video, audio=lambda _: audio)  # type: ignore[assignment]
    return made


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robot, "PATIENCE", timedelta(seconds=0.01))


async def test_it_sees_what_moves() -> None:
    await robot_that_gets(video=Frames(picture(90), picture(91), picture(120))).sees("p-1")


@pytest.mark.usefixtures("impatient")
async def test_it_does_not_see_what_stands_still() -> None:
    still = robot_that_gets(video=Frames(*(picture(90 + number % 3) for number in range(20))))

    with pytest.raises(TimeoutError):
        await still.sees("p-1")


@pytest.mark.usefixtures("impatient")
async def test_it_sees_as_many_frames_as_it_is_to() -> None:
    frames = [picture(90), picture(120), picture(150)]

    await robot_that_gets(video=Frames(*frames)).sees("p-1", frames=3)
    with pytest.raises(TimeoutError):
        await robot_that_gets(video=Frames(*frames)).sees("p-1", frames=4)


async def test_it_hears_a_tone() -> None:
    await robot_that_gets(audio=Frames(sound(0), sound(-3000))).hears("p-1")


@pytest.mark.usefixtures("impatient")
async def test_it_hears_no_silence() -> None:
    with pytest.raises(TimeoutError):
        await robot_that_gets(audio=Frames(*(sound(number - 10) for number in range(20)))).hears("p-1")


def test_outside_its_block_it_meets_nobody() -> None:
    with pytest.raises(InvalidInput):
        _ = Robot.from_sms(ReceivedSms(to=PHONE, text="https://visit.example.ch/j/abc")).peer


def test_a_message_without_a_link_makes_no_robot() -> None:
    with pytest.raises(InvalidInput):
        Robot.from_sms(ReceivedSms(to=PHONE, text="https://www.example.ch and no more"))


# --- Its network ---------------------------------------------------------------------------------


async def invited(hug: FakeHugAtHome) -> Session:
    session = await hug.sessions.plan(
        organisation="hug",
        service="cardiology",
        starts_at=NOW,
        ends_at=NOW + timedelta(minutes=30),
        participants=[Participant(id="p-1", role="patient", name="M. Dupont", phone=PHONE)],
    )
    await hug.sessions.accept(session.id, "p-1", recorded_by="p-1")
    await hug.invite(session.id, "p-1")
    return session


async def test_over_a_network_that_is_down_nothing_goes() -> None:
    async with FakeHugAtHome(now=NOW) as hug:
        await invited(hug)
        network = Network(hug.here)
        patient = Robot.from_sms(hug.outbox.last(), site=network, media=False)

        async with patient:
            await patient.waiting()
            await network.down()
            with pytest.raises(TransportClosed):
                await patient.open()
            with pytest.raises(TransportClosed):
                await network.connect()
            await hug.clock.advance(minutes=1)
            meanwhile = patient.peer.client.phase
            network.up()
            await hug.clock.advance(minutes=1)
            afterwards = patient.peer.client.phase

    assert (meanwhile, afterwards) == (Phase.AWAY, Phase.LIVE)


async def test_a_site_that_nobody_serves_is_a_closed_transport(unused_tcp_port: int) -> None:
    site = HttpSite(f"http://127.0.0.1:{unused_tcp_port}/visit")

    with pytest.raises(TransportClosed):
        await site.ask("link", link="abc")
    with pytest.raises(TransportClosed):
        await site.connect()
    await site.aclose()


async def test_link_and_code_that_came_in_two_messages_are_read_as_one() -> None:
    site = "https://teleconsultations.hopitaux-universitaires.example.ch/rendez-vous/en-ligne"
    async with FakeHugAtHome(now=NOW, site=site) as hug:
        session = await hug.sessions.plan(
            organisation="hug",
            service="cardiology",
            starts_at=NOW,
            ends_at=NOW + timedelta(minutes=30),
            participants=[Participant(id="p-1", role="patient", name="M. Dupont", phone="+41791234567")],
        )
        await hug.sessions.accept(session.id, "p-1", recorded_by="reception")
        await hug.invite(session.id, "p-1")

        assert hug.notices
        assert len(hug.outbox) == 2
        async with Robot.from_sms(hug.outbox.last(), media=False) as patient:
            await patient.waiting()


async def test_a_robot_reads_what_a_gateway_kept() -> None:
    sms = OutboxSms()
    message = Sms(
        to=PhoneNumber.parse("+41791234567"),
        text="123456 is your code\nhttps://visit.example.ch/j/abcdefghijk\n@visit.example.ch #123456",
        idempotency_key="1",
    )
    await sms.send(message)

    assert Robot.from_sms(sms.outbox[-1]).link == "abcdefghijk"
