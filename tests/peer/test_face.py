"""The robot of the demonstration: it can be seen to move and heard to chime, and lets one's ears rest."""

from itertools import pairwise

from hugathome.peer._face import HEIGHT, WIDTH, Face, Voice, drawn


def test_its_looks_differ() -> None:
    looks = [
        drawn(blinks=blinks, speaks=speaks).planes[0] for blinks in (False, True) for speaks in (False, True)
    ]

    assert all(one != other for one, other in pairwise(looks))


async def test_its_picture_moves_and_is_in_colour() -> None:
    face = Face()

    frames = [await face.recv() for _ in range(4)]
    face.stop()

    assert {(frame.width, frame.height) for frame in frames} == {(WIDTH, HEIGHT)}
    assert len({bytes(frame.planes[0]) for frame in frames}) > 1
    assert all(len(set(bytes(plane))) > 2 for plane in frames[0].planes)
    assert [frame.pts for frame in frames] == [0, 6000, 12000, 18000]


async def test_its_voice_is_heard_at_once_and_does_not_clip() -> None:
    voice = Voice()

    frames = [await voice.recv() for _ in range(3)]
    voice.stop()

    samples = memoryview(b"".join(bytes(frame.planes[0])[:1920] for frame in frames)).cast("h")
    assert 2000 < max(map(abs, samples)) < 16_000
    assert [frame.pts for frame in frames] == [0, 960, 1920]


def test_its_voice_is_silent_most_of_the_time() -> None:
    parts = Voice()._parts

    assert len(parts) * 20 == 4000, "milliseconds"
    assert sum(any(part) for part in parts) * 20 < 1000
