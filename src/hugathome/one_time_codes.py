"""One-time codes as a product of their own: no sessions, no signalling.

    codes = OneTimeCodes(key=…, store=open_code_store("sqlite:///codes.db"), sms=…, site=…, brand=…)
    challenge_id = await codes.send("+41791234567", subject="user/77", purpose="log-in")
    …
    challenge = await codes.verify(challenge_id, "493 817", purpose="log-in")

Constructing it does no I/O. `hugathome.blocking.OneTimeCodes` has the same calls without `await`.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import wraps
from secrets import token_bytes
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from hugathome._closing import closing
from hugathome.clock import Clock, SystemClock
from hugathome.codes import ChallengeStore, SmsGateway
from hugathome.discretion import discreet
from hugathome.errors import ConfigurationError
from hugathome.keys import KeyRing
from hugathome.policy import CodePolicy
from hugathome.reach.channels import Channel, named_apart
from hugathome.reach.receipts import is_known_token, receipts_at
from hugathome.reach.voice import VoiceGateway
from hugathome.roles import ORGANISATION_ID, AnyLanguage, language_of
from hugathome.sending.desk import Desk
from hugathome.sending.ways import Ways
from hugathome.telemetry import SILENT, Telemetry, watch
from hugathome.verifier import Randomness, Verifier
from hugathome.wording.letterhead import Letterhead
from hugathome.wording.texts import Texts

P = ParamSpec("P")
T = TypeVar("T")


class CodesAlone:
    """The parts of it, for either kind of host."""

    def __init__(
        self,
        *,
        key: bytes | Mapping[str, bytes],
        store: ChallengeStore,
        sms: SmsGateway,
        voice: VoiceGateway | None = None,
        channels: Sequence[Channel] = (),
        site: str,
        brand: str,
        language: AnyLanguage = "en",
        texts: Texts = Texts(),
        policy: CodePolicy = CodePolicy(),
        organisation: str = "default",
        clock: Clock = SystemClock(),
        randomness: Randomness = token_bytes,
        telemetry: Telemetry = SILENT,
    ) -> None:
        """Put the parts together.

        `key`: at least 32 bytes, or several by name, of which the first signs. `site`: where the code is
        typed; its host ends each message, so that a phone offers the code there and nowhere else.
        `voice` and `channels`: how a code reaches whoever gets no SMS. `texts`: your own wordings of the
        SMS. `telemetry`: where figures and spans go, such as `hugathome.otel.OpenTelemetry()`. Raises
        `ConfigurationError`.
        """
        if not isinstance(organisation, str) or not ORGANISATION_ID.fullmatch(organisation):
            raise ConfigurationError("organisation= takes at most 32 of A-Z a-z 0-9 _ -")
        self._site = site
        self._keys = KeyRing(key)
        self._store = self._adapted(store)
        verifier = Verifier(store=self._store, keys=self._keys, clock=clock, randomness=randomness)
        self._desk = Desk(
            verifier=verifier,
            ways=Ways(
                sms=self._adapted(sms),
                voice=self._adapted(voice),
                channels=[self._adapted(channel) for channel in named_apart(tuple(channels))],
                brand=brand,
            ),
            letterhead=Letterhead(brand=brand, site=site, texts=texts),
            language=language_of(language, refusal=ConfigurationError),
            policy=policy,
            organisation=organisation,
        )
        watch((verifier, self._desk), telemetry)

    def receipt_url(self, gateway: str) -> str:
        """Return where a gateway posts its receipts, to a view of yours; for nobody else to see."""
        return receipts_at(self._keys, site=self._site, gateway=gateway)

    def knows_receipts(self, gateway: str, token: str) -> bool:
        """Whether a receipt came to an address that `receipt_url` has given out; `token` ends it."""
        return is_known_token(self._keys, gateway=gateway, token=token)

    @staticmethod
    def _adapted(part: T) -> T:
        """Return the variant of a part that suits this kind of host."""
        return part


def _at_the_desk(
    method: Callable[Concatenate[Desk, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate["OneTimeCodes", P], Coroutine[Any, Any, T]]:
    """Return a call of the desk's as one of its owner's."""

    @wraps(method)
    async def call(owner: "OneTimeCodes", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await method(owner._desk, *args, **kwargs)  # noqa: SLF001 - the class below

    return call


@discreet
class OneTimeCodes(CodesAlone):
    """Codes for a host with an event loop."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the store; twice is fine."""
        for part in closing(self._store):
            await part.aclose()

    issue = _at_the_desk(Desk.issue)
    send = _at_the_desk(Desk.send)
    resend = _at_the_desk(Desk.resend)
    code_channels = _at_the_desk(Desk.code_channels)
    delivery = _at_the_desk(Desk.delivery)
    receive_receipt = _at_the_desk(Desk.receive_receipt)
    verify = _at_the_desk(Desk.verify)
    revoke = _at_the_desk(Desk.revoke)
    forget_old = _at_the_desk(Desk.forget_old)
