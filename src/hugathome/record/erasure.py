"""What is left of a session once somebody in it is erased: who met under which id, when, and how it ended.

What stays is listed, field by field; every other field goes, also one that somebody adds tomorrow. Ids,
roles, statuses, actions and times stay, as evidence that names nobody. Names, numbers, references, languages,
needs, services and all words go. Nothing here knows a store or reads a clock.
"""

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

from hugathome._model import Record
from hugathome.record.attendance import Attendance
from hugathome.record.expertise import Expertise
from hugathome.record.history import BY_CODE, IN_DOUBT, Change, Consent, Reach, Window
from hugathome.record.imaging import Site
from hugathome.record.participants import Participant
from hugathome.record.queueing import Queued
from hugathome.roles import Role
from hugathome.session import Session

R = TypeVar("R", bound=Record)

ERASED: Final = "(erased)"
"""Where something was, and something has to be."""

STAYS: Final[Mapping[type[Record], frozenset[str]]] = MappingProxyType(
    {
        Session: frozenset(
            {
                "id",
                "organisation",
                "modality",
                "window",
                "participants",
                "sequence",
                "queue",
                "expertise",
                "status",
                "outcome",
                "absent",
                "consent",
                "attendance",
                "history",
                "room_kept_until",
                "version",
            }
        ),
        Participant: frozenset({"id", "role", "part", "speaks_for"}),
        Attendance: frozenset({"presence", "is_admitted", "device", "position"}),
        Change: frozenset(
            {
                "action",
                "at",
                "by",
                "participant",
                "modality",
                "outcome",
                "absent",
                "joining",
                "step",
                "consent",
                "window",
                "delivery",
                "position",
            }
        ),
        Consent: frozenset({"participant", "recorded_by", "at", "text_version", "observers"}),
        Expertise: frozenset({"state", "kind", "requesting", "expert", "taken_on_by"}),
        Queued: frozenset(Queued.model_fields),
        Window: frozenset(Window.model_fields),
        Site: frozenset(),
    }
)
"""What is evidence and names nobody."""

_SAYS_THAT_IT_WAS: Final = frozenset(
    {
        (Session, "service"),
        (Participant, "name"),
        (Change, "how"),
        (Change, "reason"),
        (Change, "result"),
        (Change, "service"),
        (Consent, "how"),
        (Expertise, "opinion"),
        (Site, "name"),
    }
)
"""Where a word is replaced instead of dropped: that there was one is evidence, or the record needs one."""

OUR_WORDS: Final = frozenset({BY_CODE, IN_DOUBT, *Reach})
"""What this library itself writes where staff write otherwise."""


def people(session: Session, reference: str) -> frozenset[str]:
    """Return the ids under which whom the host calls `reference` takes part."""
    return frozenset(each.id for each in session.participants if each.reference == reference)


def is_about(session: Session, whom: Collection[str]) -> bool:
    """Whether a session is the visit of these persons: no other patient is in it who is not erased."""
    patients = [each for each in session.participants if each.role == Role.PATIENT]
    others = [each for each in patients if each.id not in whom]
    return len(others) < len(patients) and all(each == _reduced(each) for each in others)


def erased(session: Session, whom: Collection[str]) -> Session:
    """Return a session without these persons; with its last patient, all that was said and noted goes.

    Of anybody else only what is theirs goes: the rest is the patient's record.
    """
    if is_about(session, whom):
        return blanked(session)
    return session.but(
        participants=tuple(_reduced(each) if each.id in whom else each for each in session.participants),
        attendance={of: _reduced(each) if of in whom else each for of, each in session.attendance.items()},
        consent=_consent_without(session.consent, whom),
        history=tuple(_change_without(change, whom) for change in session.history),
    )


def erasing(session: Session, whom: Collection[str]) -> Callable[[Change], Change]:
    """Return what does to a change in an event what `erased` does to it in the session's history."""
    if is_about(session, whom):
        return _reduced
    return lambda change: _change_without(change, whom)


def blanked(session: Session) -> Session:
    """Return a session as evidence that names nobody."""
    return _reduced(session)


def is_blank(session: Session) -> bool:
    """Whether a session names nobody any more."""
    return blanked(session).but(kept_until=session.kept_until) == session


def _change_without(change: Change, whom: Collection[str]) -> Change:
    """Return a change without what it says of these persons; what became of the visit is the patient's."""
    joining = change.joining
    without = change.but(
        joining=_reduced(joining) if joining is not None and joining.id in whom else joining,
        consent=_consent_without(change.consent, whom),
    )
    if change.participant not in whom:
        return without
    return without.but(**{name: _blank(Change, name, getattr(change, name)) for name in ("reason", "how")})


def _consent_without(consent: Consent | None, whom: Collection[str]) -> Consent | None:
    return _reduced(consent) if consent is not None and consent.participant in whom else consent


def _reduced(record: R) -> R:
    kind = type(record)
    return record.but(
        **{
            name: _inside(value) if name in STAYS[kind] else _blank(kind, name, value)
            for name, value in record
        }
    )


def _inside(value: Any) -> Any:
    """Return a value that stays with the records in it reduced."""
    match value:
        case Record():
            return _reduced(value)
        case tuple():
            return tuple(map(_inside, value))
        case Mapping():
            return {key: _inside(each) for key, each in value.items()}
        case _:
            return value


def _blank(kind: type[Record], name: str, value: Any) -> Any:
    """Return what stands in the place of a field that goes."""
    if (kind, name) not in _SAYS_THAT_IT_WAS:
        return kind.model_fields[name].get_default(call_default_factory=True)
    return value if value is None or value in OUR_WORDS else ERASED
