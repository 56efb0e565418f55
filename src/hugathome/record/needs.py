"""What somebody needs in order to take part, and what changes because of it.

Each need changes something real: who else is proposed, how the visit is held, how long it may take, what
their page opens with. The tables below are all there is to it. Whoever needs something is asked for no
reason, and none is kept.

What this library cannot do it does not promise: no captions are made from speech. Whoever needs them is
proposed an interpreter who writes, and the messages stand open for everybody from the first moment.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final, Protocol

from pydantic import StrictBool, StringConstraints

from hugathome._model import Record
from hugathome.privacy import Personal
from hugathome.record.seats import Seat, Seated
from hugathome.roles import Modality, Part, ParticipantId, Role

# --- Nouns -----------------------------------------------------------------------------------------

SignLanguage = Annotated[str, StringConstraints(pattern=r"^[a-z]{3}(-[0-9A-Za-z]{2,8}){0,3}$", max_length=32)]
"""A tag of BCP 47; those of Switzerland are `sgg` (German), `ssr` (French) and `slf` (Italian)."""


class Needs(Record):
    """What a participant needs, as they or the host say it."""

    captions: Personal[StrictBool] = False
    """To read what is said."""
    real_time_text: Personal[StrictBool] = False
    """To write instead of speaking."""
    sign_language: Personal[SignLanguage | None] = None
    """To sign, and in which language."""
    large_text: Personal[StrictBool] = False
    easy_language: Personal[StrictBool] = False
    """Short sentences in common words."""
    extra_time: Personal[StrictBool] = False
    companion: Personal[StrictBool] = False
    """Somebody at their side."""

    @property
    def stated(self) -> tuple[str, ...]:
        """The names of what is needed."""
        return tuple(name for name in type(self).model_fields if getattr(self, name))


class Attending(Seated, Protocol):
    """As much of a participant as says what they need, and from whom they have it."""

    @property
    def id(self) -> str:
        """The participant's identifier."""
        ...

    @property
    def speaks_for(self) -> str | None:
        """Whom an interpreter speaks for, if it is said."""
        ...

    @property
    def needs(self) -> Needs | None:
        """What they need, if it is known."""
        ...


class Adjustment(StrEnum):
    """What a page does for whoever needs it."""

    LARGE_TEXT = "large-text"
    EASY_LANGUAGE = "easy-language"
    OPEN_MESSAGES = "open-messages"
    """The messages stand open when the visit begins: for everybody, since a conversation takes two."""


class Proposal(Record):
    """Somebody to invite as well, so that a participant can take part."""

    seat: Seat
    beside: ParticipantId
    """Whose need it is; an interpreter speaks for them."""
    sign_language: SignLanguage | None = None
    """What the interpreter signs; none where they write."""


# --- Tables ----------------------------------------------------------------------------------------

EXTRA_TIME: Final = 1.5
"""How much longer everything is for whoever needs time.

For people with an intellectual disability or complex needs 15 minutes are recommended in British general
practice, where ten are usual (Tyrer et al., Family Practice 41:4, 2024, doi 10.1093/fampra/cmac135).
"""

_INTERPRETER = Seat(role=Role.INTERPRETER)
SEATS: Mapping[str, Seat] = MappingProxyType(
    {
        "captions": _INTERPRETER,
        "sign_language": _INTERPRETER,
        "companion": Seat(role=Role.RELATED_PERSON, parts=(Part.COMPANION, Part.PARENT, Part.GUARDIAN)),
    }
)
"""Who is proposed."""

UNSUITED: Mapping[str, frozenset[Modality]] = MappingProxyType(
    {
        "captions": frozenset({Modality.PHONE}),
        "real_time_text": frozenset({Modality.PHONE}),
        "sign_language": frozenset({Modality.AUDIO, Modality.PHONE}),
    }
)
"""How the visit is not proposed to be held: on the telephone nobody reads or writes."""

ADJUSTMENTS: Mapping[str, Adjustment] = MappingProxyType(
    {
        "captions": Adjustment.OPEN_MESSAGES,
        "real_time_text": Adjustment.OPEN_MESSAGES,
        "large_text": Adjustment.LARGE_TEXT,
        "easy_language": Adjustment.EASY_LANGUAGE,
    }
)
"""What their page does."""

LENGTHENING: Final = frozenset({"extra_time"})
"""What makes everything longer."""

AT_THE_DOOR: Final = frozenset({Adjustment.LARGE_TEXT, Adjustment.EASY_LANGUAGE})
"""What a page does before the code has been typed: no more is told to whoever only has the link."""

_SHARED = frozenset({Adjustment.OPEN_MESSAGES})

# --- Rules -----------------------------------------------------------------------------------------


def seats_for(needs: Needs | None) -> tuple[Seat, ...]:
    """Return who is proposed: whoever signs or writes for somebody is one person."""
    return tuple(dict.fromkeys(SEATS[need] for need in _stated(needs) if need in SEATS))


def proposals(participants: Iterable[Attending]) -> tuple[Proposal, ...]:
    """Return who should be invited as well, beside those who are there."""
    there = tuple(participants)
    return tuple(
        Proposal(seat=seat, beside=who.id, sign_language=_signed(seat, who.needs))
        for who in there
        for seat in seats_for(who.needs)
        if not any(_helps(other, seat, who) for other in there)
    )


def suits(modality: Modality, needs: Iterable[Needs | None]) -> bool:
    """Whether everybody can take part in this way without a service of their own, such as a relay."""
    return all(modality not in UNSUITED.get(need, ()) for each in needs for need in _stated(each))


def lengthened(span: timedelta, needs: Iterable[Needs | None]) -> timedelta:
    """Return the time that it takes with these people: longer, once, if any of them needs that."""
    takes_longer = any(not LENGTHENING.isdisjoint(_stated(each)) for each in needs)
    return span * EXTRA_TIME if takes_longer else span


def adjustments(own: Needs | None, others: Iterable[Needs | None] = ()) -> tuple[Adjustment, ...]:
    """Return what the page of somebody with these needs does, among others with theirs."""
    for_them = {adjustment for each in others for adjustment in _adjusted(each)}
    does = _adjusted(own) | for_them & _SHARED
    return tuple(adjustment for adjustment in Adjustment if adjustment in does)


def _stated(needs: Needs | None) -> tuple[str, ...]:
    return () if needs is None else needs.stated


def _adjusted(needs: Needs | None) -> set[Adjustment]:
    return {ADJUSTMENTS[need] for need in _stated(needs) if need in ADJUSTMENTS}


def _signed(seat: Seat, needs: Needs | None) -> str | None:
    return needs.sign_language if needs and seat == _INTERPRETER else None


def _helps(other: Attending, seat: Seat, who: Attending) -> bool:
    """Whether `other` already is what `who` needs; an interpreter may speak for somebody else."""
    return seat.is_for(other) and other.speaks_for in (None, who.id)
