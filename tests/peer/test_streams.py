"""Frames on their way: the newest of what comes in, and a source that is read once for everybody."""

import asyncio
from itertools import count

import pytest
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

from hugathome.errors import TransportClosed
from hugathome.peer import MovingPicture, Stream, Tone
from hugathome.peer._streams import Shared


class Film(MediaStreamTrack):
    """Pictures that a test shows one by one."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self.shown: asyncio.Queue[VideoFrame | None] = asyncio.Queue()
        self._numbers = count()

    def show(self) -> VideoFrame:
        frame = VideoFrame(16, 16, "yuv420p")
        frame.pts = next(self._numbers)
        self.shown.put_nowait(frame)
        return frame

    def finish(self) -> None:
        self.shown.put_nowait(None)

    async def recv(self) -> VideoFrame:
        frame = await self.shown.get()
        if frame is None:
            raise MediaStreamError
        return frame


def video() -> Stream[VideoFrame]:
    return Stream("video", changed=lambda: None)


def always() -> bool:
    return True


async def test_of_pictures_that_nobody_asked_for_the_newest_is_kept() -> None:
    film, stream = Film(), video()
    shown = [film.show() for _ in range(5)]
    film.finish()

    await stream.drain(film, is_played=always)

    assert stream.frames == 5
    assert await stream.recv() is shown[-1]


async def test_each_picture_is_given_once() -> None:
    film, stream = Film(), video()
    draining = asyncio.create_task(stream.drain(film, is_played=always))
    first = film.show()
    assert await stream.recv() is first

    reading = asyncio.create_task(stream.recv())
    second = film.show()

    assert await reading is second
    film.finish()
    await draining


async def test_a_stream_goes_on_over_the_tracks_of_several_generations() -> None:
    one, two, stream = Film(), Film(), video()
    one.show()
    one.finish()
    await stream.drain(one, is_played=always)
    last = two.show()
    two.finish()
    await stream.drain(two, is_played=always)

    assert stream.frames == 2
    assert await stream.recv() is last


async def test_what_is_not_played_is_taken_and_not_kept() -> None:
    film, stream = Film(), video()
    taken = iter([False, True])
    film.show()
    second = film.show()
    film.finish()

    await stream.drain(film, is_played=lambda: next(taken))

    assert stream.frames == 1
    assert await stream.recv() is second


async def test_whoever_reads_a_stream_that_is_over_is_told() -> None:
    stream = video()
    reading = asyncio.create_task(stream.recv())
    await asyncio.sleep(0)

    stream.close()

    with pytest.raises(TransportClosed):
        await reading


async def test_sound_is_counted_in_seconds() -> None:
    stream: Stream[AudioFrame] = Stream("audio", changed=lambda: None)
    tone = Tone()
    draining = asyncio.create_task(stream.drain(tone, is_played=always))
    while stream.frames < 3:
        await stream.recv()
    tone.stop()
    await draining

    assert stream.seconds == pytest.approx(stream.frames * 0.02)


async def test_a_source_is_read_once_for_all_its_copies() -> None:
    film = Film()
    shared = Shared(film)
    one, two = shared.tap(), shared.tap()
    frame = film.show()

    assert await one.recv() is frame
    assert await two.recv() is frame
    assert film.shown.empty()
    await shared.aclose()


async def test_a_later_copy_begins_with_the_newest_picture_at_once() -> None:
    film = Film()
    shared = Shared(film)
    frame = film.show()
    await shared.tap().recv()

    assert await shared.tap().recv() is frame
    await shared.aclose()


async def test_ending_a_copy_ends_neither_the_source_nor_the_others() -> None:
    film = Film()
    shared = Shared(film)
    one, two = shared.tap(), shared.tap()

    shared.untap(one)
    frame = film.show()

    assert await two.recv() is frame
    assert film.readyState == "live"
    with pytest.raises(MediaStreamError):
        await one.recv()
    await shared.aclose()


async def test_the_end_of_all_copies_wakes_whoever_reads_one() -> None:
    shared = Shared(Film())
    tap = shared.tap()
    reading = asyncio.create_task(tap.recv())
    await asyncio.sleep(0)

    await shared.aclose()

    with pytest.raises(MediaStreamError):
        await reading


async def test_the_picture_moves_and_the_tone_sounds() -> None:
    picture, tone = MovingPicture(), Tone()

    first, second = await picture.recv(), await picture.recv()
    sound = await tone.recv()

    assert bytes(first.planes[0]) != bytes(second.planes[0])
    assert (first.pts, second.pts) == (0, 3000)
    assert any(bytes(sound.planes[0]))


async def test_a_source_that_was_stopped_gives_nothing_more() -> None:
    picture = MovingPicture()
    picture.stop()

    with pytest.raises(MediaStreamError):
        await picture.recv()
