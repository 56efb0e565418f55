"""What patients choose from: who offers what, when they are free, what it costs and who pays.

The host knows its clinicians and their calendars; it says so through a `Directory`. A slot is booked by
planning a session with it: no two open sessions have the same. What a price or a cover is worth in law is
the host's to know; here it is only said the same way everywhere. Nothing here reads a clock or a store.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Literal, Protocol

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from hugathome._model import Instant, Record, ShortText
from hugathome.record.imaging import Territory
from hugathome.record.participants import Participant
from hugathome.roles import AnyLanguage, AnyModality, Language, Modality, OrganisationId, Role

# --- Nouns -----------------------------------------------------------------------------------------

Nation = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
"""ISO 3166-1, such as `CH`."""
Spoken = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[0-9A-Za-z]{2,8}){0,3}$", max_length=32)]
"""A language of BCP 47: clinicians speak more than there are texts in."""


class Price(Record):
    """What a visit costs whoever pays it."""

    amount: Annotated[Decimal, Field(ge=0, max_digits=9, decimal_places=2)]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    """ISO 4217, such as `CHF`."""


class Cover(StrEnum):
    """Whether a patient's insurance pays."""

    COVERED = "covered"
    ON_CONDITION = "on-condition"
    """If the condition that is said with it holds."""
    NOT_COVERED = "not-covered"
    UNKNOWN = "unknown"
    """It depends on the patient's place, which nobody knows: `UNKNOWN_COVER` must be shown."""


CoverName = Literal["covered", "on-condition", "not-covered", "unknown"]
AnyCover = Annotated[Cover | CoverName, AfterValidator(Cover)]


class Coverage(Record):
    """Whose insurance pays for a visit, by where the patient is insured."""

    covered_in: frozenset[Nation] = frozenset()
    condition: ShortText | None = None
    """What must hold there, in the host's words: a referral, a treatment already under way."""

    def for_patient_of(self, nation: str | None) -> Cover:
        """Return whether the insurance of a patient pays who is insured in `nation`; None: nobody knows."""
        if not self.covered_in:
            return Cover.NOT_COVERED
        if nation is None:
            return Cover.UNKNOWN
        if nation not in self.covered_in:
            return Cover.NOT_COVERED
        return Cover.COVERED if self.condition is None else Cover.ON_CONDITION


class Slot(Record):
    """Time that somebody is free."""

    id: ShortText
    """The host's own, unique within its organisation: time that is offered twice is one slot."""
    starts_at: Instant
    ends_at: Instant

    @model_validator(mode="after")
    def _takes_time(self) -> "Slot":
        if self.starts_at >= self.ends_at:
            raise ValueError("a slot ends after it has started")
        return self


class Offer(Record):
    """What one practitioner offers."""

    id: ShortText
    """The host's own, unique within its organisation."""
    organisation: OrganisationId
    service: ShortText
    practitioner: Participant
    discipline: ShortText
    languages: Annotated[tuple[Spoken, ...], Field(min_length=1)]
    registered_in: Territory
    """Where the practitioner may practise."""
    modalities: Annotated[tuple[AnyModality, ...], Field(min_length=1)] = (Modality.VIDEO,)
    price: Price | None = None
    """None: nothing that the patient is asked for."""
    coverage: Coverage = Coverage()

    @model_validator(mode="after")
    def _is_a_practitioners(self) -> "Offer":
        if self.practitioner.role != Role.PRACTITIONER:
            raise ValueError("what is offered is a practitioner's")
        return self


class Wish(Record):
    """What a patient looks for; what is left out does not matter to them."""

    service: ShortText | None = None
    discipline: ShortText | None = None
    language: Spoken | None = None
    modality: AnyModality | None = None
    nation: Nation | None = None
    """Where the practitioner must be registered."""

    def is_met_by(self, offer: Offer) -> bool:
        """Whether an offer has all that is wished for."""
        return (
            self.service in (None, offer.service)
            and self.discipline in (None, offer.discipline)
            and (self.language is None or any(_speaks(one, self.language) for one in offer.languages))
            and (self.modality is None or self.modality in offer.modalities)
            and self.nation in (None, offer.registered_in.nation)
        )


def _speaks(spoken: str, wished: str) -> bool:
    """Whether whoever speaks one language is understood in the other: `de-CH` in `de`."""
    return spoken == wished or spoken.startswith(f"{wished}-")


def meeting(wish: Wish, offers: Iterable[Offer]) -> tuple[Offer, ...]:
    """Return the offers that meet a wish, in the order in which they came."""
    return tuple(offer for offer in offers if wish.is_met_by(offer))


# --- What must be said -----------------------------------------------------------------------------

UNKNOWN_COVER: Mapping[Language, str] = MappingProxyType(
    {
        Language.FRENCH: "Nous ne savons pas où vous êtes assuré·e: la prise en charge n’est pas garantie.",
        Language.GERMAN: "Wir wissen nicht, wo Sie versichert sind: Ob bezahlt wird, ist nicht sicher.",
        Language.ITALIAN: "Non sappiamo dove sia assicurato/a: la copertura dei costi non è garantita.",
        Language.ROMANSH: "Nus na savain betg nua che Vus essas assicurads: forsa na vegn betg pajà.",
        Language.ENGLISH: "We do not know where you are insured: your insurance may not pay.",
    }
)
"""What must stand beside a price wherever the patient's place is unknown."""


def notice(offer: Offer, *, nation: str | None, language: AnyLanguage) -> str | None:
    """Return what must be said beside an offer's price to a patient insured in `nation`, if anything."""
    cover = offer.coverage.for_patient_of(nation)
    if cover is Cover.UNKNOWN:
        return UNKNOWN_COVER[Language(language)]
    return offer.coverage.condition if cover is Cover.ON_CONDITION else None


# --- Seams -----------------------------------------------------------------------------------------


class Directory(Protocol):
    """The host's own list of who offers what, and when they are free.

    Every method raises `StoreUnavailable` at most.
    """

    async def offers(self, organisation: str) -> Sequence[Offer]:
        """Return what an organisation's practitioners offer, in the order in which to show it."""
        ...

    async def slots(self, offer: Offer, *, since: datetime, until: datetime) -> Sequence[Slot]:
        """Return when the practitioner is free, from `since` to before `until`, earliest first.

        What is booked here is left out by the library, whether or not the host's calendar knows of it yet.
        """
        ...
