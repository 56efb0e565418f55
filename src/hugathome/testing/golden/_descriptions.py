"""Descriptions for scripts: short, sound, and of no endpoint."""


def sdp(ufrag: str = "abcd", *, direction: str = "sendrecv") -> str:
    """Return a description of one line of sound; another `ufrag` makes it another one."""
    lines = (
        "v=0",
        "o=- 1 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        f"a=ice-ufrag:{ufrag}",
        "a=ice-pwd:" + "x" * 24,
        "a=fingerprint:sha-256 " + ":".join(["AB"] * 32),
        f"a={direction}",
    )
    return "".join(f"{line}\r\n" for line in lines)
