"""Hand out one-time codes and take them back, for a host that wants nothing else of this library.

The desk joins the verifier to the ways by which a code reaches somebody, and to who writes. A message is
reserved before it is sent, and one that the gateway refused keeps its place: sending again sends it, and
counts no further.
"""

from contextlib import suppress

from hugathome.codes import Challenge
from hugathome.errors import CodeExpired, InvalidInput, NotDelivered, StoreUnavailable
from hugathome.phone import PhoneNumber
from hugathome.policy import CodePolicy
from hugathome.reach.addresses import Address, Unnumbered
from hugathome.reach.channels import Addressee, Notice
from hugathome.reach.receipts import Receipt, reference_of
from hugathome.record.history import DeliveryStatus
from hugathome.roles import AnyLanguage, Language, language_of
from hugathome.sending.ways import Ways, taken
from hugathome.telemetry import SILENT, Telemetry, spanned
from hugathome.verifier import CodeMessage, Verifier
from hugathome.wording import words
from hugathome.wording.letterhead import Letterhead


@spanned("desk")
class Desk:
    """Codes of one organisation, under one policy."""

    telemetry: Telemetry = SILENT

    def __init__(
        self,
        *,
        verifier: Verifier,
        ways: Ways,
        letterhead: Letterhead,
        language: Language,
        policy: CodePolicy,
        organisation: str,
    ) -> None:
        self._verifier = verifier
        self._ways = ways
        self._letterhead = letterhead
        self._language = language
        self._policy = policy
        self._organisation = organisation

    async def issue(self, phone: PhoneNumber | str | None, *, subject: str, purpose: str) -> str:
        """Open a challenge and return its id; nothing is sent before `resend`.

        Without a `phone` the code is bound to `subject` and counted by it, and a channel of yours brings it.
        Raises `InvalidInput`, `NoMobileNumber`, `RegionRefused`, and `QuotaReached` if the day's failures
        are used up.
        """
        _refuse_unnamed(subject=subject, purpose=purpose)
        to = Unnumbered(subject) if phone is None else _numbered(phone)
        await self._ways.chosen(self._addressee(to, subject))
        challenge = await self._verifier.issue(
            self._policy, organisation=self._organisation, purpose=purpose, subject=subject, phone=to
        )
        return challenge.id

    async def send(
        self,
        phone: PhoneNumber | str | None,
        *,
        subject: str,
        purpose: str,
        language: AnyLanguage | None = None,
        channel: str | None = None,
    ) -> str:
        """Send a new code to whoever `subject` is, and return the id of its challenge: a secret.

        Raises what `issue` and `resend` raise. Where a gateway may refuse, issue and resend: the id is
        known then, and what was refused can be sent again.
        """
        challenge_id = await self.issue(phone, subject=subject, purpose=purpose)
        await self.resend(challenge_id, language=language, channel=channel)
        return challenge_id

    async def resend(
        self,
        challenge_id: str,
        *,
        rotate: bool = False,
        language: AnyLanguage | None = None,
        channel: str | None = None,
    ) -> None:
        """Send the same code again, or with `rotate` the next one; neither refills nor prolongs anything.

        It goes by the first channel that reaches the number, or by the one that is named. Raises
        `SendTooSoon`, `QuotaReached`, `TooManyAttempts`, `CodeExpired`, `ChannelUnavailable`, and
        `NotDelivered` if the gateway refused.
        """
        challenge = await self._found(challenge_id)
        to = self._to(challenge, language)
        way = await self._ways.chosen(to, name=channel)
        message = await self._verifier.reserve(challenge, self._policy, rotate=rotate)
        try:
            await taken(way.send, self._notice(message, to), telemetry=self.telemetry)
        except NotDelivered as refusal:
            await self._noted(message, DeliveryStatus.FAILED)
            with suppress(StoreUnavailable):  # it has counted then
                await self._verifier.not_delivered(message, refusal)
            raise
        await self._noted(message, DeliveryStatus.SENT)

    async def code_channels(self, challenge_id: str) -> tuple[str, ...]:
        """Name the channels by which the code reaches whoever it is for, the preferred one first.

        Raises `CodeExpired`.
        """
        challenge = await self._found(challenge_id)
        reaching = await self._ways.open_to(self._to(challenge))
        return tuple(channel.name for channel in reaching)

    async def delivery(self, challenge_id: str) -> DeliveryStatus | None:
        """Return what became of the last message of a challenge; None if nothing was sent yet.

        Raises `CodeExpired` where there is no such challenge.
        """
        return (await self._found(challenge_id)).delivery

    async def receive_receipt(self, receipt: Receipt) -> bool:
        """Record what a gateway says of a message; return False where it says nothing new.

        Nor is anything new of a message that another has followed, or of a challenge that is closed.
        """
        reference = reference_of(receipt.reference)
        if reference is None or not reference.is_code or reference.part != 1:  # a code is always one text
            return False
        return await self._verifier.note(reference.message, receipt.status, organisation=self._organisation)

    async def verify(self, challenge_id: str, typed: object, *, purpose: str | None = None) -> Challenge:
        """Return the challenge that `typed` has just used up, or raise the `CodeError` that says why not.

        A code for another `purpose` is refused, and stays as it was; without one, look at the challenge's.
        """
        return await self._verifier.verify(
            challenge_id, typed, policy=self._policy, organisation=self._organisation, purpose=purpose
        )

    async def revoke(self, challenge_id: str) -> None:
        """Close a challenge, if it is still open."""
        await self._verifier.revoke(challenge_id, organisation=self._organisation)

    async def forget_old(self) -> int:
        """Delete every challenge and tally in the store that was over a day ago; return how many there were.

        Call it now and then, from wherever you like: nothing else deletes them.
        """
        forgotten = 0
        while batch := await self._verifier.forget_old():
            forgotten += batch
        return forgotten

    async def _found(self, challenge_id: str) -> Challenge:
        challenge = await self._verifier.find(challenge_id, organisation=self._organisation)
        if challenge is None:
            raise CodeExpired("no code is outstanding")
        return challenge

    async def _noted(self, message: CodeMessage, status: DeliveryStatus) -> None:
        with suppress(StoreUnavailable):  # it stays queued: whether the message is out is told all the same
            await self._verifier.note(message.idempotency_key, status)

    def _to(self, challenge: Challenge, language: AnyLanguage | None = None) -> Addressee:
        return self._addressee(self._verifier.address_of(challenge), challenge.subject, language)

    def _addressee(self, to: Address, subject: str, language: AnyLanguage | None = None) -> Addressee:
        return Addressee(
            organisation=self._organisation,
            id=subject,
            phone=to if isinstance(to, PhoneNumber) else None,
            language=self._language if language is None else language_of(language),
        )

    def _notice(self, message: CodeMessage, to: Addressee) -> Notice:
        return Notice(
            to=to,
            code=message.code,
            texts=words.code_alone(self._letterhead, to.language, code=message.code),
            link=None,
            idempotency_key=message.idempotency_key,
        )


_LONGEST_NAME = 200


def _numbered(phone: PhoneNumber | str) -> PhoneNumber:
    return phone if isinstance(phone, PhoneNumber) else PhoneNumber.parse(phone)


def _refuse_unnamed(**names: str) -> None:
    """Refuse what no record could hold, or only as something else: a number, for one, comes back as none."""
    for what, name in names.items():
        if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
            raise InvalidInput(f"{what}= takes 1 to {_LONGEST_NAME} printable characters")
