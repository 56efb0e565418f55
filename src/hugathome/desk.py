"""Hand out one-time codes and take them back, for a host that wants nothing else of this library.

The desk joins the verifier to a gateway and to who writes. A message is reserved before it is sent, and one
that the gateway refused keeps its place: sending again sends it, and counts no further.
"""

from hugathome import words
from hugathome.codes import Challenge, Sms, SmsGateway
from hugathome.errors import CodeExpired, NoMobileNumber, SmsNotSent
from hugathome.letterhead import Letterhead
from hugathome.phone import PhoneNumber
from hugathome.policy import CodePolicy
from hugathome.roles import AnyLanguage, Language
from hugathome.verifier import CodeMessage, Verifier


class Desk:
    """Codes of one organisation, under one policy."""

    def __init__(
        self,
        *,
        verifier: Verifier,
        sms: SmsGateway,
        letterhead: Letterhead,
        language: Language,
        policy: CodePolicy,
        organisation: str,
    ) -> None:
        self._verifier = verifier
        self._sms = sms
        self._letterhead = letterhead
        self._language = language
        self._policy = policy
        self._organisation = organisation

    async def issue(self, phone: PhoneNumber | str, *, subject: str, purpose: str) -> str:
        """Open a challenge and return its id; nothing is sent before `resend`.

        Raises `NoMobileNumber`, `RegionRefused`, and `QuotaReached` if the day's failures are used up.
        """
        number = PhoneNumber.parse(phone) if isinstance(phone, str) else phone
        if not number.takes_sms:
            raise NoMobileNumber("an SMS does not reach this kind of number")
        challenge = await self._verifier.issue(
            self._policy, organisation=self._organisation, purpose=purpose, subject=subject, phone=number
        )
        return challenge.id

    async def send(
        self, phone: PhoneNumber | str, *, subject: str, purpose: str, language: AnyLanguage | None = None
    ) -> str:
        """Send a new code to whoever `subject` is, and return the id of its challenge: a secret.

        Raises what `issue` and `resend` raise. Where a gateway may refuse, issue and resend: the id is
        known then, and what was refused can be sent again.
        """
        challenge_id = await self.issue(phone, subject=subject, purpose=purpose)
        await self.resend(challenge_id, language=language)
        return challenge_id

    async def resend(
        self, challenge_id: str, *, rotate: bool = False, language: AnyLanguage | None = None
    ) -> None:
        """Send the same code again, or with `rotate` the next one; neither refills nor prolongs anything.

        Raises `SendTooSoon`, `QuotaReached`, `TooManyAttempts`, `CodeExpired`, `SmsNotSent`.
        """
        challenge = await self._verifier.find(challenge_id)
        if challenge is None:
            raise CodeExpired("no code is outstanding")
        message = await self._verifier.reserve(challenge, self._policy, rotate=rotate)
        try:
            await self._deliver(message, Language(language or self._language))
        except SmsNotSent:
            await self._verifier.not_delivered(message)
            raise

    async def verify(self, challenge_id: str, typed: object) -> Challenge:
        """Return the challenge that `typed` has just used up, or raise the `CodeError` that says why not."""
        return await self._verifier.verify(challenge_id, typed, policy=self._policy)

    async def revoke(self, challenge_id: str) -> None:
        """Close a challenge, if it is still open."""
        await self._verifier.revoke(challenge_id)

    async def _deliver(self, message: CodeMessage, language: Language) -> None:
        for sms in self._texts(message, language):
            await self._sms.send(sms)

    def _texts(self, message: CodeMessage, language: Language) -> list[Sms]:
        """Return what is to be sent; apart, so that no text stands in the traceback of a gateway's failure."""
        texts = words.code_alone(self._letterhead, language, code=message.code)
        return [
            Sms(to=message.to, text=text, idempotency_key=f"{message.idempotency_key}.{part}")
            for part, text in enumerate(texts, start=1)
        ]
