"""Send the codes by which participants check in: by whichever channel, out of one budget.

A code that was asked for is sent once its reservation is committed. If its sender dies nobody takes it
over: the patient asks again, and the message that was lost has counted. The code that goes out with an
invitation is reserved here, too, and sent with that.
"""

from contextlib import suppress

from hugathome.codes import Challenge, ChallengeState
from hugathome.consultations import Consultations
from hugathome.errors import NoMobileNumber, NotDelivered, StoreUnavailable
from hugathome.phone import PhoneNumber
from hugathome.policy import CodePolicy
from hugathome.reach.addresses import Address, Unnumbered
from hugathome.reach.channels import Addressee, Channel, Notice
from hugathome.record.participants import Participant
from hugathome.record.shelf import SessionStore
from hugathome.roles import Language
from hugathome.sending.deliveries import PURPOSE
from hugathome.sending.letters import Letters
from hugathome.sending.ways import Ways, taken
from hugathome.session import Session
from hugathome.telemetry import SILENT, Telemetry, spanned
from hugathome.verifier import CodeMessage, Verifier
from hugathome.wording import words


@spanned("codes")
class CheckInCodes:
    """The codes of one deployment's visits."""

    telemetry: Telemetry = SILENT

    def __init__(
        self, *, consultations: Consultations, verifier: Verifier, letters: Letters, store: SessionStore
    ) -> None:
        self._consultations = consultations
        self._verifier = verifier
        self._letters = letters
        self._store = store

    async def channels(self, session: Session, participant: Participant) -> tuple[str, ...]:
        """Name the channels by which a code reaches a participant, the preferred one first."""
        if _telephone(participant) is None and participant.reference is None:
            return ()
        house, language = self._letters.house(session, participant)
        reaching = await Ways.of(house).open_to(_addressee(session, participant, language))
        return tuple(channel.name for channel in reaching)

    async def send(
        self,
        session: Session,
        participant: Participant,
        *,
        channel: str | None = None,
        aloud: bool = False,
    ) -> None:
        """Send a participant their code once the reservation is committed; raise what forbids it.

        `aloud` asks them to read it out, as in a visit by telephone, where no page takes it.
        """
        house, language = self._letters.house(session, participant)
        to = _addressee(session, participant, language)
        way = await Ways.of(house).chosen(to, name=channel, line_is_busy=aloud)
        code = await self.reserved(session, participant)
        say = words.code_to_read if aloud or session.is_by_phone else words.code_alone
        notice = Notice(
            to=to,
            code=code.code,
            texts=say(house.letterhead, language, code=code.code),
            link=self._letters.link(session, participant.id),
            idempotency_key=code.idempotency_key,
        )
        await self._store.after_commit(lambda: self._send(way, notice, code))

    async def reserved(
        self, session: Session, participant: Participant, *, is_retry: bool = False
    ) -> CodeMessage:
        """Reserve one message with the participant's code, opening a challenge if none is open.

        A retry of the same message has the code that was in it, and counts no further.
        """
        policy = self._letters.house(session, participant)[0].code_policy
        challenge = await self._verifier.find(session.of(participant.id).challenge_id)
        if is_retry and challenge is not None and challenge.sends and self._verifier.is_open(challenge):
            return self._verifier.message(challenge)
        is_locked = challenge is not None and challenge.state is ChallengeState.LOCKED
        if challenge is None or not (is_locked or self._verifier.is_open(challenge)):
            challenge = await self._issued(session, participant, policy)
        return await self._verifier.reserve(challenge, policy)

    async def not_delivered(self, code: CodeMessage, refusal: NotDelivered) -> None:
        """Have the next message count no further where this one is certainly not out."""
        with suppress(StoreUnavailable):  # it has counted then; that it is not out is told all the same
            await self._verifier.not_delivered(code, refusal)

    async def _send(self, way: Channel, notice: Notice, code: CodeMessage) -> None:
        try:
            await taken(way.send, notice, telemetry=self.telemetry)
        except NotDelivered as refusal:
            await self.not_delivered(code, refusal)
            raise

    async def _issued(self, session: Session, participant: Participant, policy: CodePolicy) -> Challenge:
        """Open a challenge, or take the one that another call has opened at the same moment."""
        before = session.of(participant.id).challenge_id
        issued = await self._verifier.issue(
            policy,
            organisation=session.organisation,
            purpose=PURPOSE,
            subject=f"{session.id}/{participant.id}",
            phone=_address(participant),
        )

        def note(session: Session) -> Session:
            is_first = session.of(participant.id).challenge_id == before
            return session.noting(participant.id, challenge_id=issued.id) if is_first else session

        after = await self._consultations.change(session.id, note)
        return await self._verifier.find(after.of(participant.id).challenge_id) or issued


def _telephone(participant: Participant) -> PhoneNumber | None:
    return participant.phone if isinstance(participant.phone, PhoneNumber) else None


def _address(participant: Participant) -> Address:
    """Return what a participant's codes are bound to and counted by, whatever brings them.

    Who has no number goes by the host's name for them: it is the same from one visit to the next.
    """
    if (number := _telephone(participant)) is not None:
        return number
    if participant.reference is not None:
        return Unnumbered(participant.reference)
    raise NoMobileNumber("the participant has neither a telephone number nor a reference")


def _addressee(session: Session, participant: Participant, language: Language) -> Addressee:
    return Addressee(
        organisation=session.organisation,
        id=participant.id,
        reference=participant.reference,
        session=session.id,
        phone=_telephone(participant),
        language=language,
    )
