"""Whether links and codes open anything now: what a visit's record says, as errors that say why not.

Staff who are authenticated by their host come and go as they like; nothing here is about them.
"""

from datetime import datetime

from hugathome.errors import ConsentMissing, NotYetOpen, SessionEnded
from hugathome.session import Session


def refuse_entry(session: Session, now: datetime) -> None:
    """Raise `NotYetOpen`, `SessionEnded` or `ConsentMissing` where nobody may come in now."""
    if not session.status.is_terminal and now < session.window.opens_at:
        raise NotYetOpen(opens_at=session.window.opens_at)
    if not session.is_enterable(now):
        raise SessionEnded("the session has ended, or its window has closed")
    refuse_without_consent(session)


def refuse_invitation(session: Session, now: datetime) -> None:
    """Raise `SessionEnded` or `ConsentMissing` where a link would never open anything."""
    if session.status.is_terminal or (now >= session.window.closes_at and not session.is_enterable(now)):
        raise SessionEnded("the session has ended, or its window has closed")
    refuse_without_consent(session)


def refuse_without_consent(session: Session) -> None:
    """Raise `ConsentMissing` where nobody has accepted a remote visit, or it was taken back."""
    if session.consent is None:
        raise ConsentMissing("nobody has recorded that the patient accepts a remote visit")
