"""A robot to look at and to listen to: it sways, blinks, and opens its mouth when it chimes.

Drawn once, in code; a frame is a choice among a few pictures and the height at which it is cut out. Made
without camera, microphone or files, and without a word of anybody's.
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import exp, pi, sin
from typing import Final

from av import AudioFrame, VideoFrame

from hugathome.peer._sources import Paced

WIDTH, HEIGHT = 640, 480
_SWAY: Final = 16
"""Pixels, up and down; even, because colours have half the lines."""
_FRAMES_A_SECOND: Final = 15
_VIDEO_CLOCK: Final = 90_000
_AUDIO_RATE: Final = 48_000
_AUDIO_SAMPLES: Final = 960
_PERIOD: Final = 4.0
"""Seconds from one chime to the next."""
_NOTES: Final = ((0.0, 523.25), (0.22, 659.26))
"""When in the period, in seconds, and hertz: two notes, upwards."""
_CHIMES_FOR: Final = 0.9
_BLINKS_EVERY: Final = 2.6

Colour = tuple[int, int, int]

# Brightness and the two colour differences, BT.601 in the range of broadcasts.
_WALL: Final[Colour] = (74, 137, 88)
_STEEL: Final[Colour] = (196, 130, 124)
_SHADE: Final[Colour] = (150, 130, 124)
_GLASS: Final[Colour] = (38, 132, 122)
_LIGHT: Final[Colour] = (180, 116, 62)
_CHEEK: Final[Colour] = (150, 122, 168)


class Face(Paced):
    """640 × 480 pixels, 15 frames a second."""

    kind = "video"
    interval = 1 / _FRAMES_A_SECOND

    @cached_property
    def _pictures(self) -> dict[tuple[bool, bool], "Picture"]:
        return {
            (blinks, speaks): drawn(blinks=blinks, speaks=speaks)
            for blinks, speaks in product((False, True), repeat=2)
        }

    async def recv(self) -> VideoFrame:
        """Return the next picture."""
        number = await self._tick()
        seconds = number * self.interval
        picture = self._pictures[seconds % _BLINKS_EVERY < 0.15, seconds % _PERIOD < _CHIMES_FOR]
        frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
        top = 2 * round(_SWAY / 2 * (1 + sin(2 * pi * seconds / _PERIOD)))
        for plane, rows, half in zip(frame.planes, picture.planes, (1, 2, 2), strict=True):
            cut = rows[top // half : (top + HEIGHT) // half]
            plane.update(b"".join(row.ljust(plane.line_size) for row in cut))
        frame.pts = round(seconds * _VIDEO_CLOCK)
        frame.time_base = Fraction(1, _VIDEO_CLOCK)
        return frame


class Voice(Paced):
    """Two soft notes, again and again, with silence between."""

    kind = "audio"
    interval = _AUDIO_SAMPLES / _AUDIO_RATE

    @cached_property
    def _parts(self) -> Sequence[bytes]:
        samples = b"".join(
            _chime(n / _AUDIO_RATE).to_bytes(2, "little", signed=True)
            for n in range(round(_CHIMES_FOR * _AUDIO_RATE))
        ).ljust(round(_PERIOD * _AUDIO_RATE) * 2, b"\0")
        size = _AUDIO_SAMPLES * 2
        return [samples[start : start + size] for start in range(0, len(samples), size)]

    async def recv(self) -> AudioFrame:
        """Return the next 20 ms."""
        number = await self._tick()
        frame = AudioFrame("s16", "mono", _AUDIO_SAMPLES)
        frame.planes[0].update(self._parts[number % len(self._parts)].ljust(frame.planes[0].buffer_size))
        frame.sample_rate = _AUDIO_RATE
        frame.pts = number * _AUDIO_SAMPLES
        frame.time_base = Fraction(1, _AUDIO_RATE)
        return frame


def _chime(seconds: float) -> int:
    """Return one sample: each note begins without a click and fades away."""
    played = ((seconds - begins, hertz) for begins, hertz in _NOTES if seconds >= begins)
    return round(sum(5000 * min(1, 200 * t) * exp(-7 * t) * sin(2 * pi * hertz * t) for t, hertz in played))


class Picture:
    """Rows of brightness and of two colour differences, to be painted on; taller than what is shown."""

    def __init__(self, ground: Colour) -> None:
        tall = HEIGHT + 2 * _SWAY
        sizes = ((tall, WIDTH), (tall // 2, WIDTH // 2), (tall // 2, WIDTH // 2))
        self.planes = [
            [bytearray([value]) * width for _ in range(height)]
            for (height, width), value in zip(sizes, ground, strict=True)
        ]

    def ellipse(self, x: int, y: int, across: int, down: int, colour: Colour, *, square: float = 2) -> None:
        """Paint an ellipse around a point; the greater `square`, the more it is a rectangle."""
        for rows, half, value in zip(self.planes, (1, 2, 2), colour, strict=True):
            for row in range((y - down) // half, min((y + down) // half + 1, len(rows))):
                reach = 1 - min(1, abs(row * half - y) / down) ** square
                width = round(across * reach ** (1 / square))
                left, right = (x - width) // half, (x + width) // half
                rows[row][left:right] = bytes([value]) * (right - left)


def drawn(*, blinks: bool, speaks: bool) -> Picture:
    """Return the robot."""
    picture = Picture(_WALL)
    middle = WIDTH // 2
    picture.ellipse(middle, 492, 184, 80, _SHADE, square=3)  # shoulders
    picture.ellipse(middle, 88, 8, 48, _SHADE, square=4)  # antenna
    picture.ellipse(middle, 52, 22, 22, _LIGHT)
    for side in (-1, 1):
        picture.ellipse(middle + side * 176, 248, 28, 52, _SHADE, square=3)  # ears
    picture.ellipse(middle, 252, 172, 148, _STEEL, square=3.4)
    picture.ellipse(middle, 236, 136, 92, _GLASS, square=3.4)
    for side in (-1, 1):
        picture.ellipse(middle + side * 60, 224, 26, 6 if blinks else 30, _LIGHT)
        picture.ellipse(middle + side * 124, 344, 24, 16, _CHEEK)
    picture.ellipse(middle, 292, 44, 22 if speaks else 6, _LIGHT, square=2.4)
    return picture
