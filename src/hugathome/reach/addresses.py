"""What a code is bound to and counted by: a telephone number, or the host's own word for who has none.

A number is the stronger of the two: whoever holds the telephone gets the code. Where there is none, only a
channel of the host's brings it, and the host answers for it that the word means one person and stays theirs.
"""

from dataclasses import dataclass
from typing import final

from hugathome.phone import PhoneNumber

_MARK = "reference:"
"""No number begins like this."""


@final
@dataclass(frozen=True, slots=True, repr=False)
class Unnumbered:
    """Somebody without a telephone number; `str()` is what a code is bound to."""

    reference: str
    """The host's own word for them."""

    def __str__(self) -> str:
        return f"{_MARK}{self.reference}"


Address = PhoneNumber | Unnumbered


def read_address(text: str) -> Address:
    """Return the address that `text` was written from by `str()`."""
    if text.startswith(_MARK):
        return Unnumbered(text.removeprefix(_MARK))
    return PhoneNumber.parse(text)
