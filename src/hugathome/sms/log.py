"""A gateway that shows each message on the terminal: for development, and for nothing else.

It prints telephone numbers and codes, which belong in no log. That is why it writes to standard error
and not through `logging`, whose records travel.
"""

import sys
from collections.abc import Callable
from typing import final

from hugathome.codes import Sms

_RULE = "─" * 40


def _to_stderr(text: str) -> None:
    sys.stderr.write(text)


@final
class LogSms:
    """Shows every message, each idempotency key once; sends nothing. For development only."""

    may_be_asked_again = True

    def __init__(self, *, write: Callable[[str], object] = _to_stderr) -> None:
        self._write = write
        self._shown: set[str] = set()

    async def send(self, message: Sms) -> None:
        """Show `message`, unless one of its key was shown already."""
        if message.idempotency_key in self._shown:
            return
        self._shown.add(message.idempotency_key)
        self._write(f"{_RULE}\nSMS to {message.to}\n\n{message.text}\n{_RULE}\n")
