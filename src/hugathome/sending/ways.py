"""Choose how a code reaches somebody, and send it there: SMS, a call or a channel of the host's own.

Gateways for text messages and for calls are channels like any other here. Whoever is reached by SMS gets
an SMS; a fixed line is called; then come the host's own channels in their order. A number that follows an
account over the internet is neither (NIST SP 800-63B accepts none). Nothing here issues or counts.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Self, TypeVar

from hugathome.codes import Sms, SmsGateway
from hugathome.errors import ChannelUnavailable, HugathomeError, NoMobileNumber, NotDelivered
from hugathome.organisations import House
from hugathome.phone import NumberType, PhoneNumber
from hugathome.reach.channels import SMS, VOICE, Addressee, Channel, Notice
from hugathome.reach.voice import VoiceCall, VoiceGateway, spoken
from hugathome.telemetry import MESSAGES, SILENT, Telemetry

T = TypeVar("T")
Answer = TypeVar("Answer")

_LOGGER = logging.getLogger("hugathome")


class BySms:
    """Text messages as a channel."""

    name = SMS

    def __init__(self, gateway: SmsGateway) -> None:
        self._gateway = gateway

    async def reaches(self, to: Addressee) -> bool:
        """Return whether there is a number that takes text messages."""
        return to.phone is not None and to.phone.takes_sms

    async def send(self, notice: Notice) -> None:
        """Send every text, or raise `SmsNotSent`."""
        for message in _messages(notice):
            await self._gateway.send(message)


class ByVoice:
    """Calls as a channel."""

    name = VOICE

    def __init__(self, gateway: VoiceGateway, *, brand: str) -> None:
        self._gateway = gateway
        self._brand = brand

    async def reaches(self, to: Addressee) -> bool:
        """Return whether there is a number of a line."""
        return to.phone is not None and to.phone.kind is not NumberType.VOIP

    async def send(self, notice: Notice) -> None:
        """Place one call, or raise `NotDelivered`."""
        speech = spoken(self._brand, notice.to.language, code=notice.code)
        key = f"{notice.idempotency_key}.{VOICE}"
        await self._gateway.call(VoiceCall(to=_dialled(notice.to), speech=speech, idempotency_key=key))


class Ways:
    """Every channel of one organisation, in the order in which they are preferred."""

    def __init__(
        self,
        *,
        sms: SmsGateway,
        voice: VoiceGateway | None,
        channels: Sequence[Channel],
        brand: str,
    ) -> None:
        self._sms = BySms(sms)
        self._voice = None if voice is None else ByVoice(voice, brand=brand)
        self._own = tuple(channels)

    @classmethod
    def of(cls, house: House) -> Self:
        """Return the channels of an organisation's settings."""
        return cls(sms=house.sms, voice=house.voice, channels=house.channels, brand=house.letterhead.brand)

    def __iter__(self) -> Iterator[Channel]:
        yield self._sms
        if self._voice is not None:
            yield self._voice
        yield from self._own

    async def open_to(self, to: Addressee) -> tuple[Channel, ...]:
        """Return the channels that reach somebody, the preferred one first."""
        return tuple([channel for channel in self if await channel.reaches(to)])

    async def chosen(self, to: Addressee, *, name: str | None = None, line_is_busy: bool = False) -> Channel:
        """Return the channel of that `name`, or without one the preferred channel that reaches them.

        A `line_is_busy` while staff talk on it: then a call is placed only where it is asked for by name.
        Raises `ChannelUnavailable`, or `NoMobileNumber` where nothing reaches them.
        """
        reaching = await self.open_to(to)
        if name is None:
            fitting = [one for one in reaching if one.name != VOICE or not line_is_busy]
            if not fitting:
                raise NoMobileNumber("no channel reaches the participant")
            return fitting[0]
        for channel in reaching:
            if channel.name == name:
                return channel
        raise _unavailable(name, [channel.name for channel in self])


async def taken(
    send: Callable[[T], Awaitable[Answer]],
    message: T,
    *,
    refusal: type[NotDelivered] = NotDelivered,
    telemetry: Telemetry = SILENT,
) -> Answer:
    """Return what `send` says once it has taken a message; a `refusal` is raised for what is not ours."""
    outcome = "failed"
    try:
        answer = await send(message)
        outcome = "sent"
        return answer
    except HugathomeError:
        raise
    except Exception as error:
        kind = type(error).__name__
        _LOGGER.error("a gateway raised %s, and not %s", kind, refusal.__name__)
        raise refusal(f"the gateway raised {kind}") from error
    finally:
        telemetry.add(MESSAGES, label=outcome)


def _unavailable(name: str, known: Sequence[str]) -> ChannelUnavailable:
    if name in known:
        return ChannelUnavailable("the channel that was asked for does not reach the participant")
    return ChannelUnavailable("there is no channel of the name that was asked for")


def _dialled(to: Addressee) -> PhoneNumber:
    if to.phone is None:
        raise NoMobileNumber("there is no telephone number")
    return to.phone


def _messages(notice: Notice) -> list[Sms]:
    """Return what is to be sent; apart, so that no text stands in the traceback of a gateway's failure."""
    to, key = _dialled(notice.to), notice.idempotency_key
    return [
        Sms(to=to, text=text, idempotency_key=f"{key}.{part}")
        for part, text in enumerate(notice.texts, start=1)
    ]
