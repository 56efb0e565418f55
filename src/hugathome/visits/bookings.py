"""Let patients choose: who offers what they look for, when that is free, and the time that they book.

    offers = await hug.offers.search(organisation="hug", wish=Wish(discipline="dermatology"), nation="CH")
    slots = await hug.offers.slots(offers[0].offer, since=monday, until=saturday)
    session = await hug.offers.book(offers[0].offer, slots[0], participants=[patient], reference="order/4711")

The host's `Directory` knows who is free; a booking is a planned session that has a slot for itself. What is
booked here is free for nobody else, whether or not the host's calendar has heard of it. Whatever ends the
session frees its slot, and so does putting it off, unless to another slot.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from hugathome._model import Record
from hugathome.clock import Clock
from hugathome.consultations import Consultations
from hugathome.discretion import discreet
from hugathome.errors import InvalidInput, ReferenceTaken, SessionNotFound, SlotTaken
from hugathome.organisations import Organisations
from hugathome.record.needs import suits
from hugathome.record.offers import Cover, Directory, Offer, Slot, Wish, meeting, notice
from hugathome.record.participants import Participant
from hugathome.roles import AnyLanguage, AnyModality, Modality, language_of
from hugathome.session import Session
from hugathome.visits.ledger import aware, has_run_out

_HELD_FOR = timedelta(minutes=10)
_LONGEST_HOLD = timedelta(days=1)
_NATION = re.compile(r"[A-Z]{2}")


class Found(Record):
    """An offer that meets a wish, and what to say beside its price."""

    offer: Offer
    cover: Cover
    notice: str | None = None
    """What must be shown beside the price, if anything: a condition, or that nobody knows who pays."""


@discreet
class Bookings:
    """What an organisation's practitioners offer; `HugAtHome.offers` is one."""

    def __init__(
        self,
        *,
        directory: Directory,
        consultations: Consultations,
        organisations: Organisations,
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._consultations = consultations
        self._organisations = organisations
        self._clock = clock

    # --- Choosing --------------------------------------------------------------------------------

    async def search(
        self,
        *,
        organisation: str,
        wish: Wish = Wish(),
        nation: str | None = None,
        language: AnyLanguage | None = None,
    ) -> Sequence[Found]:
        """Return the offers that meet a wish, in the directory's order.

        `nation` is where the patient is insured, where that is known: it decides on cover and notice. The
        notice is in `language`, or the organisation's own.
        """
        house = self._organisations.get(organisation)
        spoken = house.language if language is None else language_of(language)
        _refuse_unless_a(Wish, wish)
        _refuse_unless_a_nation(nation)
        return [
            Found(
                offer=offer,
                cover=offer.coverage.for_patient_of(nation),
                notice=notice(offer, nation=nation, language=spoken),
            )
            for offer in meeting(wish, await self._directory.offers(organisation))
            if offer.organisation == organisation
        ]

    async def slots(self, offer: Offer, *, since: datetime, until: datetime) -> Sequence[Slot]:
        """Return when an offer is free, from `since` to before `until`; what has begun is not."""
        _refuse_unless_a(Offer, offer)
        listed = await self._listed(offer, since=aware(since, "since"), until=aware(until, "until"))
        return [slot for slot in listed if await self._is_free(offer, slot)]

    # --- Booking ---------------------------------------------------------------------------------

    async def hold(
        self,
        offer: Offer,
        slot: Slot,
        *,
        participants: Sequence[Participant],
        for_: timedelta = _HELD_FOR,
        modality: AnyModality | None = None,
        reference: str | None = None,
    ) -> Session:
        """Keep a slot for somebody until they `confirm`, for ten minutes if nothing else is said.

        Raises what `book` raises; a `reference` is safe to repeat while the slot is held, or booked.
        """
        if not isinstance(for_, timedelta) or not timedelta(0) < for_ <= _LONGEST_HOLD:
            raise InvalidInput("for_= takes a time, of a day at most")
        held_until = self._clock.now() + for_
        session = await self._kept(
            offer, slot, participants, modality=modality, reference=reference, held_until=held_until
        )
        self._refuse_if_over(session)
        return session

    async def book(
        self,
        offer: Offer,
        slot: Slot,
        *,
        participants: Sequence[Participant],
        modality: AnyModality | None = None,
        reference: str | None = None,
    ) -> Session:
        """Plan a session at a slot, for the practitioner and `participants`; of all who try, one gets it.

        With a `reference` it is safe to repeat, and confirms what was held under it. Raises `SlotTaken` where
        the slot is somebody else's or the directory no longer has it, `ReferenceTaken` where what was booked
        under the reference has ended, and what `sessions.plan` raises.
        """
        session = await self._kept(offer, slot, participants, modality=modality, reference=reference)
        self._refuse_if_over(session)
        return session if session.held_until is None else await self.confirm(session.id)

    async def confirm(self, session_id: str, *, by: str | None = None) -> Session:
        """Book what is held; raise `SlotTaken` where that has run out."""
        return await self._consultations.confirm(session_id, by=by)

    async def move(
        self, session_id: str, offer: Offer, slot: Slot, *, by: str, reason: str | None = None
    ) -> Session:
        """Put what is booked or held off to another slot of its practitioner's.

        The slot that it had is free again. Raises `SlotTaken`, and what `sessions.reschedule` raises.
        """
        _refuse_unless_a(Offer, offer)
        _refuse_unless_a(Slot, slot)
        session = await self._consultations.get(session_id)
        if session.slot == slot.id and not session.status.is_terminal:
            return session
        await self._refuse_unless_offered(offer, slot)
        whose = {participant.id for participant in session.participants}
        if offer.organisation != session.organisation or offer.practitioner.id not in whose:
            raise InvalidInput("a session moves to a slot of a practitioner who takes part in it")
        return await self._consultations.reschedule(
            session_id, starts_at=slot.starts_at, ends_at=slot.ends_at, by=by, reason=reason, slot=slot.id
        )

    async def _kept(
        self,
        offer: Offer,
        slot: Slot,
        participants: Sequence[Participant],
        *,
        modality: AnyModality | None,
        reference: str | None,
        held_until: datetime | None = None,
    ) -> Session:
        _refuse_unless_a(Offer, offer)
        _refuse_unless_a(Slot, slot)
        if not await self._is_known(offer.organisation, reference):
            await self._refuse_unless_offered(offer, slot)
        return await self._consultations.plan(
            organisation=offer.organisation,
            service=offer.service,
            starts_at=slot.starts_at,
            ends_at=slot.ends_at,
            participants=(offer.practitioner, *participants),
            modality=_modality(offer, participants) if modality is None else _offered(offer, modality),
            reference=reference,
            slot=slot.id,
            held_until=held_until,
        )

    async def _is_known(self, organisation: str, reference: str | None) -> bool:
        """Whether this was booked before: then the host's calendar may well have dropped the slot."""
        if reference is None:
            return False
        try:
            await self._consultations.find(organisation=organisation, reference=reference)
        except SessionNotFound:
            return False
        return True

    def _refuse_if_over(self, session: Session) -> None:
        """Raise where a reference leads to what nobody comes to any more: a booking is one that stands."""
        is_held = session.held_until is not None
        if has_run_out(session, self._clock.now()) or (is_held and session.status.is_terminal):
            raise SlotTaken("the slot was not confirmed in time")
        if session.status.is_terminal:
            raise ReferenceTaken("this reference names a booking that has ended: book under another one")

    async def _refuse_unless_offered(self, offer: Offer, slot: Slot) -> None:
        """Raise `SlotTaken` for what the directory has no more: pages show what was free a while ago."""
        if slot not in await self._listed(offer, since=slot.starts_at, until=slot.ends_at):
            raise SlotTaken("this slot is offered no longer")

    async def _listed(self, offer: Offer, *, since: datetime, until: datetime) -> Sequence[Slot]:
        since = max(since, self._clock.now())
        slots = await self._directory.slots(offer, since=since, until=until)
        return [slot for slot in slots if since <= slot.starts_at < until]

    async def _is_free(self, offer: Offer, slot: Slot) -> bool:
        holder = await self._consultations.find_by_slot(organisation=offer.organisation, slot=slot.id)
        return holder is None


# --- Rules ---------------------------------------------------------------------------------------


def _modality(offer: Offer, participants: Sequence[Participant]) -> Modality:
    """Return how it is proposed to be held with people of their needs."""
    needs = tuple(participant.needs for participant in participants)
    offered = [Modality(one) for one in offer.modalities]
    return next((one for one in offered if suits(one, needs)), offered[0])


def _offered(offer: Offer, modality: AnyModality) -> AnyModality:
    if modality not in offer.modalities:
        raise InvalidInput(f"this is offered by {' or '.join(offer.modalities)}")
    return modality


def _refuse_unless_a(kind: type[Record], given: object) -> None:
    if not isinstance(given, kind):
        raise InvalidInput(f"this takes a {kind.__name__}")


def _refuse_unless_a_nation(nation: str | None) -> None:
    if nation is not None and not (isinstance(nation, str) and _NATION.fullmatch(nation)):
        raise InvalidInput("nation= takes two capitals of ISO 3166-1, such as CH")
