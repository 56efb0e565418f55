"""The ways by which a code reaches somebody: SMS, a call, and any that the host has of its own.

A hospital that has its patients' e-mail addresses, a portal or a printer for QR codes makes a `Channel` of
it. The code is the same by every channel, and so is its budget of messages: whoever asks by another
channel shares cool-downs and quotas with whoever asked by the first.

Nothing here chooses or delivers, and no `repr` shows a code or whom it is for.
"""

import re
from dataclasses import dataclass, field
from typing import Final, Protocol

from hugathome.errors import ConfigurationError
from hugathome.phone import PhoneNumber
from hugathome.roles import Language

SMS: Final = "sms"
VOICE: Final = "voice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """Whom a code is for, as the host knows them."""

    organisation: str
    id: str = field(repr=False)
    """The participant's id or, of a code without a visit, its subject."""
    reference: str | None = field(default=None, repr=False)
    """The host's own stable id of a participant."""
    session: str | None = None
    """The visit; None for a code without one."""
    phone: PhoneNumber | None
    """What the code is bound to and counted by, whatever brings it; None for somebody who has none."""
    language: Language


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Notice:
    """One code on its way out by any channel."""

    to: Addressee
    code: str
    texts: tuple[str, ...]
    """The code in words, as text messages have it: each fits one SMS."""
    link: str | None
    """Where the code is typed; a secret too, and None for a code without a visit."""
    idempotency_key: str
    """The same for every retry of the same notice."""

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a code is not pickled: no queue keeps one")


class Channel(Protocol):
    """One way by which a code reaches somebody."""

    @property
    def name(self) -> str:
        """What `channel=` calls it: small letters, digits and hyphens; the same at every time."""
        ...

    async def reaches(self, to: Addressee) -> bool:
        """Return whether it can reach them now; it promises nothing, sends nothing and raises nothing."""
        ...

    async def send(self, notice: Notice) -> None:
        """Return once the notice is accepted for delivery, or raise `NotDelivered`."""
        ...


_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")


def named_apart(channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
    """Return the host's own channels, or raise `ConfigurationError` where a name is no name, or taken."""
    names = [SMS, VOICE]
    for channel in channels:
        if not isinstance(channel.name, str) or not _NAME.fullmatch(channel.name):
            raise ConfigurationError("a channel's name is small letters, digits and hyphens")
        if channel.name in names:
            raise ConfigurationError("two channels have the same name; sms and voice are taken")
        names.append(channel.name)
    return channels
