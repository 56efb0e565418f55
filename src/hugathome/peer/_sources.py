"""Something to look at and something to hear, made without camera, microphone or files."""

import asyncio
from fractions import Fraction
from math import pi, sin

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

_VIDEO_CLOCK = 90_000
_AUDIO_RATE = 48_000
_AUDIO_SAMPLES = 960
"""20 ms."""


class Paced(MediaStreamTrack):
    """A track whose frames fall due `interval` seconds apart; late ones follow without a pause."""

    interval: float

    def __init__(self) -> None:
        super().__init__()
        self._number = -1
        self._started_at = 0.0

    async def _tick(self) -> int:
        """Wait until the next frame is due, and return its number."""
        if self.readyState != "live":
            raise MediaStreamError
        now = asyncio.get_running_loop().time()
        self._number += 1
        if self._number == 0:
            self._started_at = now
        await asyncio.sleep(max(0.0, self._started_at + self._number * self.interval - now))
        return self._number


class MovingPicture(Paced):
    """320 × 240 pixels, 30 frames a second: stripes that wander to the left."""

    kind = "video"
    interval = 1 / 30
    width, height, speed = 320, 240, 4

    def __init__(self) -> None:
        super().__init__()
        self._stripes = bytes(32 + 6 * min(x % 64, 64 - x % 64) for x in range(self.width + 64))

    async def recv(self) -> VideoFrame:
        """Return the next picture."""
        number = await self._tick()
        frame = VideoFrame(self.width, self.height, "yuv420p")
        shift = number * self.speed % 64
        luma, *chroma = frame.planes
        luma.update(self._stripes[shift : shift + luma.line_size].ljust(luma.line_size) * self.height)
        for plane in chroma:
            plane.update(bytes([128]) * plane.buffer_size)
        frame.pts = round(number * self.interval * _VIDEO_CLOCK)
        frame.time_base = Fraction(1, _VIDEO_CLOCK)
        return frame


class Tone(Paced):
    """400 hertz, softly."""

    kind = "audio"
    interval = _AUDIO_SAMPLES / _AUDIO_RATE
    hertz = 400  # whole waves in a frame: every frame is the same, and none of them clicks

    def __init__(self) -> None:
        super().__init__()
        wave = (round(3000 * sin(2 * pi * self.hertz * t / _AUDIO_RATE)) for t in range(_AUDIO_SAMPLES))
        self._samples = b"".join(sample.to_bytes(2, "little", signed=True) for sample in wave)

    async def recv(self) -> AudioFrame:
        """Return the next 20 ms."""
        number = await self._tick()
        frame = AudioFrame("s16", "mono", _AUDIO_SAMPLES)
        frame.planes[0].update(self._samples.ljust(frame.planes[0].buffer_size))
        frame.sample_rate = _AUDIO_RATE
        frame.pts = number * _AUDIO_SAMPLES
        frame.time_base = Fraction(1, _AUDIO_RATE)
        return frame
