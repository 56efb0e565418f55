"""The telephones of a test: text messages, read as a phone reads them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from hugathome.phone import PhoneNumber
from hugathome.sms import OutboxSms, SentSms
from hugathome.wording.origin_bound import parse_origin_bound

if TYPE_CHECKING:
    from hugathome.testing.site import Site

_TOGETHER = timedelta(seconds=5)
"""Messages that are no further apart are read as one."""
_LINK = re.compile(r"https?://\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedSms:
    """One or more messages that came together, as their reader sees them."""

    to: PhoneNumber
    text: str = field(repr=False)
    site: "Site | None" = field(default=None, repr=False)
    """Where the link leads in a test without a network."""
    inbox: "Outbox | None" = field(default=None, repr=False)
    """Where a code arrives that this message does not hold."""

    @property
    def link(self) -> str | None:
        """The first address in the text, as a finger finds it."""
        found = _LINK.search(self.text)
        return found[0] if found else None

    @property
    def code(self) -> str | None:
        """The code of the origin-bound last line, as a phone fills it in."""
        bound = parse_origin_bound(self.text)
        return bound.code if bound else None


class Outbox:
    """What has been sent so far; `messages` are oldest first."""

    def __init__(self, sms: OutboxSms, *, site: "Site | None" = None) -> None:
        self._sms = sms
        self._site = site

    def __len__(self) -> int:
        return len(self._sms.outbox)

    @property
    def messages(self) -> tuple[SentSms, ...]:
        """Every message as the gateway took it."""
        return tuple(self._sms.outbox)

    def last(self, *, to: str | PhoneNumber | None = None) -> ReceivedSms:
        """Return the last message, to a number if one is given; raise `LookupError` if there is none."""
        return self._last(lambda message: to is None or str(message.to) == str(to))

    def _last(self, matches: Callable[[SentSms], bool]) -> ReceivedSms:
        for index in reversed(range(len(self._sms.outbox))):
            message = self._sms.outbox[index]
            if matches(message):
                text = self._read(message, self._sms.outbox[:index])
                return ReceivedSms(to=message.to, text=text, site=self._site, inbox=self)
        raise LookupError("no such message has been sent")

    def _read(self, message: SentSms, earlier: Sequence[SentSms]) -> str:
        """Return a text below the one before it, where that brought the link and this the code."""
        before = next((each for each in reversed(earlier) if each.to == message.to), None)
        if before is None or _LINK.search(message.text) or message.sent_at - before.sent_at > _TOGETHER:
            return message.text
        return f"{before.text}\n{message.text}"
