"""What there is to see of the clinic: its visits, the messages on the patients' phones, and the events.

Views only, made of what the library's own records say and kept by nobody: a page draws one whole, whatever
it drew before. In the product nobody sees a patient's messages; here one person plays every part.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from hugathome.demo.made_up import PATIENT
from hugathome.record.participants import Participant
from hugathome.record.shelf import Event
from hugathome.session import Session
from hugathome.testing import Outbox, ReceivedSms

View = Mapping[str, Any]


def visit_view(session: Session, *, robot: str | None) -> View:
    """Return a visit: who meets, how it stands, and what its robot patient is up to, if it has one."""
    patient = session.participant(PATIENT)
    return {
        "id": session.id,
        "modality": session.modality,
        "language": patient.language,
        "startsAt": session.window.starts_at.isoformat(),
        "status": session.status,
        "outcome": session.outcome,
        "phone": str(patient.phone),
        "people": [_person_view(session, participant) for participant in session.participants],
        "robot": robot,
    }


def message_views(outbox: Outbox) -> list[View]:
    """Return every message as it was sent, with the link and the code that a phone finds in it."""
    return [
        {
            "to": str(sent.to),
            "text": sent.text,
            "sentAt": sent.sent_at.isoformat(),
            "link": (read := ReceivedSms(to=sent.to, text=sent.text)).link,
            "code": read.code,
        }
        for sent in outbox.messages
    ]


def event_views(events: Iterable[Event]) -> list[View]:
    """Return events as the host's software hears them; what does not apply is left out."""
    return [
        {
            "position": event.position,
            "visit": event.session,
            **event.change.model_dump(
                mode="json",
                include={"action", "at", "participant", "step", "delivery", "outcome", "modality"},
                exclude_none=True,
            ),
        }
        for event in events
    ]


def _person_view(session: Session, participant: Participant) -> View:
    return {
        "id": participant.id,
        "name": participant.name,
        "role": participant.role,
        "presence": session.of(participant.id).presence,
    }
