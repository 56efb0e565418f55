"""One-time codes as a product of their own: no sessions, no signalling.

    codes = OneTimeCodes(key=…, store=open_code_store("sqlite:///codes.db"), sms=…, site=…, brand=…)
    challenge_id = await codes.send("+41791234567", subject="user/77", purpose="log-in")
    …
    challenge = await codes.verify(challenge_id, "493 817", purpose="log-in")

Constructing it does no I/O. `hugathome.blocking.OneTimeCodes` has the same calls without `await`.
"""

from collections.abc import Mapping, Sequence
from secrets import token_bytes
from types import TracebackType
from typing import Self, TypeVar

from hugathome.app import closing
from hugathome.channels import Channel, named_apart
from hugathome.clock import Clock, SystemClock
from hugathome.codes import Challenge, ChallengeStore, SmsGateway
from hugathome.desk import Desk
from hugathome.discretion import discreet
from hugathome.errors import ConfigurationError
from hugathome.keys import KeyRing
from hugathome.letterhead import Letterhead
from hugathome.phone import PhoneNumber
from hugathome.policy import CodePolicy
from hugathome.roles import ORGANISATION_ID, AnyLanguage, language_of
from hugathome.texts import Texts
from hugathome.verifier import Randomness, Verifier
from hugathome.voice import VoiceGateway
from hugathome.ways import Ways

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
    ) -> None:
        """Put the parts together.

        `key`: at least 32 bytes, or several by name, of which the first signs. `site`: where the code is
        typed; its host ends each message, so that a phone offers the code there and nowhere else.
        `voice` and `channels`: how a code reaches whoever gets no SMS. `texts`: your own wordings of the
        SMS. Raises `ConfigurationError`.
        """
        if not isinstance(organisation, str) or not ORGANISATION_ID.fullmatch(organisation):
            raise ConfigurationError("organisation= takes at most 32 of A-Z a-z 0-9 _ -")
        self._store = self._adapted(store)
        self._desk = Desk(
            verifier=Verifier(store=self._store, keys=KeyRing(key), clock=clock, randomness=randomness),
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

    @staticmethod
    def _adapted(part: T) -> T:
        """Return the variant of a part that suits this kind of host."""
        return part


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

    async def issue(self, phone: PhoneNumber | str, *, subject: str, purpose: str) -> str:
        """Open a challenge and return its id; nothing is sent before `resend`. See `Desk.issue`."""
        return await self._desk.issue(phone, subject=subject, purpose=purpose)

    async def send(
        self,
        phone: PhoneNumber | str,
        *,
        subject: str,
        purpose: str,
        language: AnyLanguage | None = None,
        channel: str | None = None,
    ) -> str:
        """Send a new code, and return the id of its challenge: a secret. See `Desk.send`."""
        return await self._desk.send(
            phone, subject=subject, purpose=purpose, language=language, channel=channel
        )

    async def resend(
        self,
        challenge_id: str,
        *,
        rotate: bool = False,
        language: AnyLanguage | None = None,
        channel: str | None = None,
    ) -> None:
        """Send the same code again, or with `rotate` the next one. See `Desk.resend`."""
        await self._desk.resend(challenge_id, rotate=rotate, language=language, channel=channel)

    async def verify(self, challenge_id: str, typed: object, *, purpose: str | None = None) -> Challenge:
        """Return the challenge that `typed` has just used up, or raise the `CodeError` that says why not.

        A code for another `purpose` is refused. See `Desk.verify`.
        """
        return await self._desk.verify(challenge_id, typed, purpose=purpose)

    async def revoke(self, challenge_id: str) -> None:
        """Close a challenge, if it is still open."""
        await self._desk.revoke(challenge_id)
