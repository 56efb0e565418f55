"""The end of a connection between two devices: what WebRTC would do, and refuse, without any media.

It follows the signalling state of JSEP (RFC 9429, 3.2). One that is no browser's refuses a remote offer while
its own is open, and one that restarts ICE, as aiortc's would: that neither is asked of it is to be proved.
"""

from collections.abc import Callable, Collection
from enum import StrEnum

from hugathome.device.effects import AddCandidates
from hugathome.protocol.sdp import parse_description


class InvalidState(Exception):
    """An endpoint was asked for what its state does not allow."""


class Signalling(StrEnum):
    """`RTCPeerConnection.signalingState`, as far as it shows between two steps."""

    STABLE = "stable"
    HAVE_LOCAL_OFFER = "have-local-offer"


class Endpoint:
    """One side of one generation of a connection."""

    def __init__(self, *, is_a_browsers: bool, name: Callable[[], str]) -> None:
        self.ufrag = name()
        self.remote: frozenset[str] = frozenset()
        self.state = Signalling.STABLE
        self.is_connected = False
        self._is_a_browsers = is_a_browsers
        self._name = name
        self._is_restarting = False

    def fail(self) -> None:
        """Lose the connection."""
        self.is_connected = False

    def restart(self) -> None:
        """Begin the next offer with new credentials, as `restartIce()` does."""
        if not self._is_a_browsers:
            raise InvalidState("a restart of ICE")
        self._is_restarting = True

    def offer(self) -> str:
        """Make an offer and apply it here."""
        if self.state is not Signalling.STABLE:
            raise InvalidState(f"an offer in {self.state}")
        self.state = Signalling.HAVE_LOCAL_OFFER
        if self._is_restarting:
            self._begin_again()
        return described(self.ufrag)

    def take_offer(self, sdp: str) -> str:
        """Apply a remote offer, rolling an own one back first, and answer it."""
        if self.state is Signalling.HAVE_LOCAL_OFFER and not self._is_a_browsers:
            raise InvalidState("a remote offer while its own is open")
        self.state = Signalling.STABLE
        known, self.remote = self.remote, parse_description(sdp).ufrags
        if known and known != self.remote:
            if not self._is_a_browsers:
                raise InvalidState("an offer that restarts ICE")
            self._begin_again()
        return described(self.ufrag)

    def take_answer(self, sdp: str) -> None:
        """Apply a remote answer."""
        if self.state is not Signalling.HAVE_LOCAL_OFFER:
            raise InvalidState(f"a remote answer in {self.state}")
        self.state = Signalling.STABLE
        self.remote = parse_description(sdp).ufrags

    def take_candidates(self, given: AddCandidates) -> None:
        """Apply candidates of a description that was applied before."""
        named = {each.username_fragment for each in given.candidates}
        if not named <= self.remote:
            raise InvalidState("candidates of a description that is not applied")

    def _begin_again(self) -> None:
        self.ufrag = self._name()
        self._is_restarting = self.is_connected = False

    def meets(self, others: Collection["Endpoint"]) -> bool:
        """Whether one of `others` has this one's description, and this one theirs."""
        return self.state is Signalling.STABLE and any(
            other.state is Signalling.STABLE and {other.ufrag} == self.remote and {self.ufrag} == other.remote
            for other in others
        )


def described(ufrag: str) -> str:
    """Return a description with a user name fragment."""
    return _SDP.replace("UFRAG", ufrag)


_SDP = "\r\n".join(
    [
        "v=0",
        "o=- 1 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "a=ice-ufrag:UFRAG",
        "a=ice-pwd:" + "x" * 24,
        "a=fingerprint:sha-256 " + ":".join(["AB"] * 32),
        "a=sendrecv",
        "",
    ]
)
