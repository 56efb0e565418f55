"""An endpoint for robots, probes and tests: aiortc behind a transport; nothing else here imports it.

    async with Peer(transport, grant, audio=True, video=True, ice=IceSettings(loopback=True)) as peer:
        await peer.admitted()
        await peer.connected("p-1")
        frame = await peer.video("p-1").recv()        # an av.VideoFrame

What to do next is decided in `hugathome.device.client`, without I/O; this package carries it out.
"""

from av import AudioFrame, VideoFrame

from hugathome.peer._attendance import Reconnect
from hugathome.peer._endpoint import Peer
from hugathome.peer._ice import IceSettings
from hugathome.peer._sources import MovingPicture, Tone
from hugathome.peer._streams import Stream

__all__ = [
    "AudioFrame",
    "IceSettings",
    "MovingPicture",
    "Peer",
    "Reconnect",
    "Stream",
    "Tone",
    "VideoFrame",
]
