"""Services: what a kind of visit takes, such as who must be there, how it may be held and when.

    [paediatrics]
    length = "20 min"
    needed = ["patient", "practitioner", { role = "related-person", parts = ["parent", "guardian"] }]

A service is a value that a host reads from TOML or makes itself. It is asked while a visit is planned and
never afterwards: a visit that is under way may go on as it can. This module reads no file; `presets.py` does.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import combinations
from types import MappingProxyType
from typing import Annotated, Any

from annotated_types import Ge, Le
from pydantic import BeforeValidator, Field, StrictBool, StringConstraints, model_validator

from hugathome._model import Record, ShortText, in_utc
from hugathome.errors import ConfigurationError, InvalidInput
from hugathome.record.history import Window, window_around
from hugathome.record.needs import Attending, Needs, lengthened, seats_for, suits
from hugathome.record.seats import Seat, unfilled
from hugathome.roles import OPAQUE_ID, AnyKind, AnyLanguage, AnyModality, Kind, Modality, Part, Role

# --- Nouns -----------------------------------------------------------------------------------------


def _as_seat(given: Any) -> Any:
    """Take a role alone for a seat of any part."""
    return {"role": given} if isinstance(given, str) else given


def _as_span(given: Any) -> timedelta:
    """Take a time as people write it; a number alone would leave open of what."""
    if isinstance(given, timedelta):
        return given
    found = _SPAN.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        raise ValueError('a time is "20 min", "24 h" or "2 days"')
    return int(found[1]) * _UNITS[found[2].removesuffix("s")]


_SPAN = re.compile(r"(\d{1,4}) (min|h|days?)", re.ASCII)
_UNITS = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "day": timedelta(days=1)}

_Seats = tuple[Annotated[Seat, BeforeValidator(_as_seat)], ...]
_Span = Annotated[timedelta, BeforeValidator(_as_span)]
_Length = Annotated[_Span, Ge(timedelta(minutes=1)), Le(timedelta(hours=12))]
_Margin = Annotated[_Span, Ge(timedelta(0)), Le(timedelta(days=7))]
_Lead = Annotated[_Span, Ge(timedelta(minutes=5)), Le(timedelta(days=60))]


USUAL_LENGTH = timedelta(minutes=20)
"""What a visit takes of which nobody says so."""


class Service(Record):
    """What visits of one kind take; what is left out is what most of them take."""

    id: Annotated[str, StringConstraints(pattern=rf"^{OPAQUE_ID.pattern}$")]
    """What `plan(service=…)` names."""
    names: Mapping[AnyLanguage, ShortText] = Field(default_factory=dict)
    """What the host calls it."""
    kind: AnyKind = Kind.CONSULTATION
    modalities: Annotated[tuple[AnyModality, ...], Field(min_length=1)] = tuple(Modality)
    """How it may be planned to be held; the first is the one that is proposed."""
    length: _Length = USUAL_LENGTH
    """Of a visit for which the host names no end."""
    early: _Margin = timedelta(minutes=30)
    """How long before its start one may come in."""
    late: _Margin = timedelta(minutes=60)
    """How long after its end one may still come in."""
    needed: _Seats = (Seat(role=Role.PATIENT), Seat(role=Role.PRACTITIONER))
    """Who must take part."""
    welcome: _Seats = tuple(
        Seat(role=role) for role in (Role.PRACTITIONER, Role.RELATED_PERSON, Role.NURSE, Role.INTERPRETER)
    )
    """Who may as well; an observer only where it is said."""
    reminders: tuple[_Lead, ...] = (timedelta(hours=24), timedelta(hours=1))
    """When somebody is reminded, as times before the start, the earliest first."""
    acr: tuple[ShortText, ...] = ()
    """How a practitioner must have signed in: like one of these (OpenID Connect), or any if there is none."""
    on_demand: StrictBool = False
    """Whether one may come without an appointment, and wait in a queue."""
    typical: _Length | None = None
    """What one visit in the queue takes; None means `length`."""

    @model_validator(mode="after")
    def _has_no_doubles(self) -> "Service":
        for name in ("modalities", "reminders", "acr"):
            given = getattr(self, name)
            if len(set(given)) != len(given):
                raise ValueError(f"{name} has something twice")
        if any(one.overlaps(other) for one, other in combinations(self.needed, 2)):
            raise ValueError("needed has two seats that one person could fill")
        return self

    @model_validator(mode="after")
    def _reminds_in_time(self) -> "Service":
        if list(self.reminders) != sorted(self.reminders, reverse=True):
            raise ValueError("reminders stand in the order in which they are sent")
        if any(lead < self.early for lead in self.reminders):
            raise ValueError("a reminder comes after the window has opened")
        return self

    @model_validator(mode="after")
    def _is_of_its_kind(self) -> "Service":
        roles = {seat.role for seat in self.needed}
        if not roles.issuperset({Role.PATIENT, Role.PRACTITIONER}):
            raise ValueError("needed has no patient, or no practitioner")
        if self.kind == Kind.TELE_EXPERTISE and not any(seat.parts == (Part.EXPERT,) for seat in self.needed):
            raise ValueError("needed has no seat for an expert, whom a tele-expertise is asked of")
        return self

    # --- What is asked of it -------------------------------------------------------------------------

    def name(self, language: AnyLanguage) -> str:
        """Return what it is called, or its identifier where the host has not said it in this language."""
        return self.names.get(language, self.id)

    def modality_for(self, needs: Iterable[Needs | None] = ()) -> Modality:
        """Return how a visit is proposed to be held with people of these needs."""
        theirs = tuple(needs)
        return next(
            (Modality(one) for one in self.modalities if suits(Modality(one), theirs)),
            Modality(self.modalities[0]),
        )

    def window(
        self, starts_at: datetime, ends_at: datetime | None = None, *, needs: Iterable[Needs | None] = ()
    ) -> Window:
        """Return when one may come in; raise `InvalidInput` for times that are none.

        Whoever needs time has more of it before and after. An end that the host names stays where it is,
        for somebody else may come after it; where it names none, the visit is longer too.
        """
        theirs = tuple(needs)
        return window_around(
            starts_at,
            _later(starts_at, lengthened(self.length, theirs)) if ends_at is None else ends_at,
            early=lengthened(self.early, theirs),
            late=lengthened(self.late, theirs),
        )

    def leads(self, needs: Iterable[Needs | None] = ()) -> tuple[timedelta, ...]:
        """Return how long before the start people of these needs are reminded, the earliest first.

        Whoever may come in sooner than others is reminded by then: no reminder comes after the window has
        opened.
        """
        early = lengthened(self.early, tuple(needs))
        return tuple(sorted({max(lead, early) for lead in self.reminders}, reverse=True))

    def trusts(self, acr: str | None) -> bool:
        """Whether a practitioner whom the host has signed in like this may take part."""
        return not self.acr or acr in self.acr

    def refuse_unfit(
        self, participants: Sequence[Attending], *, modality: AnyModality, is_queued: bool = False
    ) -> None:
        """Raise `InvalidInput` where a visit cannot be planned like this.

        Of whoever is queued nothing is asked that the clinician who takes them brings. Whom somebody's needs
        call for is welcome in every service.
        """
        if is_queued and not self.on_demand:
            raise InvalidInput("this service has no queue")
        if modality not in self.modalities:
            raise InvalidInput(f"this service is held by {' or '.join(self.modalities)}")
        self._refuse_whoever_has_no_seat(participants)
        missing = [
            str(seat)
            for seat in unfilled(self.needed, participants)
            if not (is_queued and self._is_taken_later(seat))
        ]
        if missing:
            raise InvalidInput(f"this service needs: {', '.join(missing)}")

    def _is_taken_later(self, seat: Seat) -> bool:
        """Whether somebody sits here who takes the patient, or the question, out of the queue."""
        if self.kind == Kind.TELE_EXPERTISE:
            return seat.parts == (Part.EXPERT,)
        return seat.role == Role.PRACTITIONER

    def _refuse_whoever_has_no_seat(self, participants: Sequence[Attending]) -> None:
        called_for = (seat for who in participants for seat in seats_for(who.needs))
        seats = (*self.needed, *self.welcome, *called_for)
        for who in participants:
            if not any(seat.is_for(who) for seat in seats):
                part = f" ({who.part})" if who.part else ""
                raise InvalidInput(f"this service has no seat for: {who.role}{part}")


def _later(starts_at: datetime, length: timedelta) -> datetime:
    """Return the end of a visit: its minutes pass, whatever the clock on the wall does meanwhile."""
    if not isinstance(starts_at, datetime) or starts_at.utcoffset() is None:
        raise InvalidInput("a visit starts at an aware datetime")
    try:
        return in_utc(starts_at) + length
    except OverflowError:
        raise InvalidInput("a visit starts at a datetime within the calendar") from None


# --- As text ---------------------------------------------------------------------------------------

_SETTINGS = frozenset(Service.model_fields) - {"id"}


def parse_services(text: str) -> Mapping[str, Service]:
    """Return the services of a TOML document by identifier, or raise `ConfigurationError`, which says where.

    Each is a table whose keys are the fields of `Service`; times are `"20 min"`, `"24 h"` or `"2 days"`.
    """
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as refused:
        raise ConfigurationError(f"services: {refused}") from None
    except (TypeError, AttributeError):
        raise ConfigurationError("services: this takes the text of a TOML document") from None
    if not tables:
        raise ConfigurationError("services: there is none")
    return MappingProxyType({name: _service(name, table) for name, table in tables.items()})


def _service(name: str, table: Any) -> Service:
    if not isinstance(table, dict):
        raise ConfigurationError(f"service {name!r}: it is a table of settings")
    if unknown := sorted(table.keys() - _SETTINGS):
        settings = ", ".join(sorted(_SETTINGS))
        raise ConfigurationError(f"service {name!r}: there is no setting {unknown[0]!r}, but {settings}")
    try:
        return Service(id=name, **table)
    except InvalidInput as refused:
        reason = str(refused).removeprefix(f"{Service.__name__}: ")
        raise ConfigurationError(f"service {name!r}: {reason}") from None
