"""More than one gateway: by the number's prefix, and from one to the next where one fails.

    RoutedSms({"+41": FailoverSms([swisscom, twilio]), "+33": ovh}, default=twilio)

The next gateway is asked where the one before certainly has not taken the message. Where that is in doubt,
a second one might send it twice: then whoever called is told, and a retry under the same key goes to the
same gateway. Which gateway has a key is remembered in this process only, for the last thousand.
"""

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Literal, Self, final

from hugathome._drive import blocking_variant
from hugathome.codes import Sms, SmsGateway
from hugathome.errors import ConfigurationError, SmsNotSent
from hugathome.reach.handover import LEASE, longest_send, may_be_asked_again

_REMEMBERED = 1000
_PREFIX = re.compile(r"\+[1-9][0-9]{0,6}")


@final
class FailoverSms:
    """Hands each message to the first of `gateways` that takes it.

    With `on_doubt="resend"` the next one is asked in doubt, too, and a message whose sender was killed goes
    out again: for messages that had better arrive twice than never.
    """

    def __init__(
        self, gateways: Sequence[SmsGateway], *, on_doubt: Literal["stop", "resend"] = "stop"
    ) -> None:
        if not gateways:
            raise ConfigurationError("FailoverSms takes at least one gateway")
        if on_doubt not in ("stop", "resend"):
            raise ConfigurationError("on_doubt= is stop or resend")
        self._gateways = tuple(gateways)
        self._on_doubt = on_doubt
        self._holders: OrderedDict[str, int] = OrderedDict()

    def __repr__(self) -> str:
        return f"FailoverSms([{', '.join(type(gateway).__name__ for gateway in self._gateways)}])"

    @property
    def may_be_asked_again(self) -> bool:
        """Whether a message may go out again: another process does not know which gateway has it."""
        return self._on_doubt == "resend" or (
            len(self._gateways) == 1 and may_be_asked_again(self._gateways[0])
        )

    @property
    def longest_send(self) -> timedelta:
        """How long it takes at most to ask all of them; one that says nothing of itself has the lease."""
        return sum((longest_send(gateway) or LEASE for gateway in self._gateways), timedelta(0))

    def for_blocking(self) -> Self:
        """Return the same order of gateways for callers without an event loop."""
        return type(self)(list(map(blocking_variant, self._gateways)), on_doubt=self._on_doubt)

    async def send(self, message: Sms) -> str | None:
        """Return what one gateway says once it has accepted `message`, or raise `SmsNotSent`."""
        holder = self._holders.get(message.idempotency_key)
        refusals: list[SmsNotSent] = []
        for place in range(len(self._gateways)) if holder is None else (holder,):
            self._remember(message, place)  # first: whoever is cancelled while it is asked is in doubt, too
            try:
                return await self._gateways[place].send(message)
            except SmsNotSent as refused:
                refusals.append(refused)
                if not refused.is_certain and self._on_doubt == "stop":
                    break
        else:
            if holder is None:
                self._holders.pop(message.idempotency_key, None)
        is_certain = holder is None and all(refused.is_certain for refused in refusals)
        raise SmsNotSent(refusals[-1].reason, is_certain=is_certain) from refusals[-1]

    def _remember(self, message: Sms, place: int) -> None:
        self._holders[message.idempotency_key] = place
        if len(self._holders) > _REMEMBERED:
            self._holders.popitem(last=False)


@final
class RoutedSms:
    """Hands each message to the gateway of the longest prefix that its number begins with."""

    def __init__(self, routes: Mapping[str, SmsGateway], *, default: SmsGateway) -> None:
        if any(not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix) for prefix in routes):
            raise ConfigurationError("RoutedSms takes prefixes such as +41")
        self._routes = dict(sorted(routes.items(), key=lambda route: -len(route[0])))
        self._default = default

    def __repr__(self) -> str:
        return f"RoutedSms({', '.join(self._routes)})"

    @property
    def may_be_asked_again(self) -> bool:
        """Whether every one of the gateways may."""
        return all(map(may_be_asked_again, (self._default, *self._routes.values())))

    @property
    def longest_send(self) -> timedelta:
        """How long the slowest of them takes at most."""
        return max(map(longest_send, (self._default, *self._routes.values())))

    def for_blocking(self) -> Self:
        """Return the same routes for callers without an event loop."""
        routes = {prefix: blocking_variant(gateway) for prefix, gateway in self._routes.items()}
        return type(self)(routes, default=blocking_variant(self._default))

    async def send(self, message: Sms) -> str | None:
        """Return what the number's gateway says once it has accepted `message`, or raise `SmsNotSent`."""
        number = str(message.to)
        matching = (gateway for prefix, gateway in self._routes.items() if number.startswith(prefix))
        return await next(matching, self._default).send(message)
