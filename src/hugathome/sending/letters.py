"""Write what a participant is told: their link, when the visit is, that somebody is ready for them.

A text is written at the moment in which it goes out. Nothing here keeps or sends one.
"""

from hugathome.clock import Clock
from hugathome.keys import KeyRing
from hugathome.organisations import House, Organisations
from hugathome.record.history import DeliveryStatus
from hugathome.record.participants import Participant
from hugathome.roles import Language
from hugathome.session import Session
from hugathome.wording import words
from hugathome.wording.callback import callback_word


class Letters:
    """The pen of one deployment."""

    def __init__(self, *, organisations: Organisations, keys: KeyRing, clock: Clock) -> None:
        self._organisations = organisations
        self._keys = keys
        self._clock = clock

    def house(self, session: Session, participant: Participant) -> tuple[House, Language]:
        """Return whose letterhead a participant reads, and in which language."""
        house = self._organisations.get(session.organisation)
        return house, Language(participant.language or house.language)

    def link(self, session: Session, participant_id: str) -> str:
        """Return the address that a participant opens."""
        site = self._organisations.get(session.organisation).letterhead.site
        return f"{site}/j/{session.of(participant_id).link_id}"

    def announcement(self, session: Session, participant: Participant) -> tuple[str, ...]:
        """Return what an invitation says where no code goes with it."""
        house, language = self.house(session, participant)
        clocks = {"zone": participant.zone or house.timezone, "home": house.timezone}
        starts_at = session.window.starts_at
        is_moved = _was_told_otherwise(session, participant)
        if not session.is_by_phone:
            link = self.link(session, participant.id)
            by_sms = words.moved if is_moved else words.invitation
            invite = by_sms if participant.takes_sms else words.invitation_without_sms
            return invite(house.letterhead, language, link=link, starts_at=starts_at, **clocks)
        word = self.callback_word(session, participant)
        if starts_at <= self._clock.now():
            return words.phone_invitation_now(house.letterhead, language, word=word)
        announce = words.phone_moved if is_moved else words.phone_invitation
        return announce(house.letterhead, language, starts_at=starts_at, **clocks, word=word)

    def reminder(self, session: Session, participant: Participant) -> tuple[str, ...]:
        """Return what somebody who was invited reads before the visit; no code goes with it."""
        house, language = self.house(session, participant)
        clocks = {"zone": participant.zone or house.timezone, "home": house.timezone}
        starts_at = session.window.starts_at
        if not session.is_by_phone:
            link = self.link(session, participant.id)
            return words.reminder(house.letterhead, language, link=link, starts_at=starts_at, **clocks)
        word = self.callback_word(session, participant)
        return words.phone_reminder(house.letterhead, language, starts_at=starts_at, **clocks, word=word)

    def callback_word(self, session: Session, participant: Participant) -> str:
        """Return the word that messages tell a participant, and that whoever calls them says first."""
        _, language = self.house(session, participant)
        return callback_word(self._keys.current, session.id, participant.id, language=language)

    def invitation(self, session: Session, participant: Participant, *, code: str) -> tuple[str, ...]:
        """Return what an invitation to a visit that is now says."""
        house, language = self.house(session, participant)
        link = self.link(session, participant.id)
        return words.invitation_with_code(house.letterhead, language, link=link, code=code)

    def call(self, session: Session, participant: Participant) -> tuple[str, ...]:
        """Return what a participant reads once the clinician is ready."""
        house, language = self.house(session, participant)
        if session.is_by_phone:
            word = self.callback_word(session, participant)
            return words.phone_invitation_now(house.letterhead, language, word=word)
        return words.call(house.letterhead, language, link=self.link(session, participant.id))


def _was_told_otherwise(session: Session, participant: Participant) -> bool:
    """Whether somebody may have read of another time than the visit has by now."""
    out = (DeliveryStatus.SENT, DeliveryStatus.DELIVERED)
    messages = session.of(participant.id).messages
    return any(m.sequence < session.sequence and m.status in out and m.kind == "invitation" for m in messages)
