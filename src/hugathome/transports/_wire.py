"""What every WebSocket of ours agrees on, whichever side it is and whichever library carries it."""

from hugathome.errors import LocalProtocolError

SUBPROTOCOL = "hugathome.v1"
FRAME_LIMIT = 65_536
"""The largest frame in bytes of UTF-8; the largest sane description takes 61 kB."""
CLOSE_SECONDS = 2.0
"""How long a close waits for a peer that may be dead."""


def check_outgoing(text: str, *, limit: int | None) -> None:
    """Raise `LocalProtocolError` for text that the other side could not take; `limit` is in bytes.

    A lone surrogate passes through `json` unharmed and then breaks the connection inside somebody
    else's encoder: whoever relays text of others must learn of it while the connection still stands.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise LocalProtocolError("a frame holds text that UTF-8 cannot carry") from None
    if limit is not None and size > limit:
        raise LocalProtocolError(f"a frame of {size} bytes is larger than {limit}")
