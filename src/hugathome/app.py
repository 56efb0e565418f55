"""The parts put together: what a host constructs once and calls.

    hug = HugAtHome(key=…, store=open_store("sqlite:///clinic.db"), sms=…, site=…, timezone=…, brand=…)
    async with hug:
        session = await hug.sessions.plan(…)

Constructing it does no I/O and starts nothing, so that it is safe at import and before a fork. What it
was given stays the giver's, except store and log, which `aclose` closes.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

from hugathome._closing import closing
from hugathome.consultations import Consultations
from hugathome.deployment import EVENTS_AT_ONCE, Deployment
from hugathome.discretion import discreet
from hugathome.grants import JoinGrant, VisitPass
from hugathome.reach.receipts import Receipt
from hugathome.record.audit import START, AuditEntry, Head
from hugathome.record.dossier import Dossier
from hugathome.record.participants import Participant
from hugathome.record.shelf import Event
from hugathome.session import Session
from hugathome.signalling import Transport
from hugathome.visits.bookings import Bookings
from hugathome.visits.queues import Queues
from hugathome.visits.reception import Invitation

if TYPE_CHECKING:
    from hugathome.asgi import AsgiApp

_EVENTS_POLLED = 0.5
"""Seconds between two looks for new events."""


@discreet
class HugAtHome(Deployment):
    """Teleconsultations for a host with an event loop; `hugathome.blocking` has the other one."""

    @property
    def sessions(self) -> Consultations:
        """Everything that is done to a session by name."""
        return self._crew.consultations

    @property
    def queue(self) -> Queues:
        """Where patients wait for whoever is free, and are taken."""
        return self._crew.queues

    @property
    def offers(self) -> Bookings:
        """What patients choose from and book; raise `ConfigurationError` without a `directory=`."""
        return self._bookings()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Ask every device to come back later, end what runs, close store and log; twice is fine."""
        await self._crew.hub.aclose()
        for part in closing(self._log, self._store):
            await part.aclose()

    # --- The way in ------------------------------------------------------------------------------

    async def invite(
        self, session_id: str, participant_id: str, *, again: bool = False, deliver: bool = True
    ) -> Invitation:
        """Give a participant their link, by SMS where they have a mobile number; see `Reception.invite`."""
        return await self._crew.reception.invite(session_id, participant_id, again=again, deliver=deliver)

    async def calendar(self, session_id: str, participant_id: str) -> bytes:
        """Return a participant's appointment as iCalendar; see `Reception.calendar`."""
        return await self._crew.reception.calendar(session_id, participant_id)

    async def send_code(self, link_id: str, *, channel: str | None = None) -> None:
        """Send the code that a patient asked for, by SMS, a call or otherwise; see `Reception.send_code`."""
        await self._crew.reception.send_code(link_id, channel=channel)

    async def check_in(self, link_id: str, code: str) -> JoinGrant:
        """Return a grant for the participant whose code this is, or raise a `CodeError` that says why not."""
        session, participant = await self._crew.reception.check_in(link_id, code)
        return self._crew.doorkeeper.grant(
            session.id, participant.id, device=session.of(participant.id).device
        )

    async def call(self, session_id: str, participant_id: str, *, by: str) -> Session:
        """Tell a participant that the clinician is ready; see `Switchboard.call`."""
        return await self._crew.switchboard.call(session_id, participant_id, by=by)

    async def callback_word(self, session_id: str, participant_id: str) -> str:
        """Return the word by which a participant knows who calls them; see `Switchboard.callback_word`."""
        return await self._crew.switchboard.callback_word(session_id, participant_id)

    async def send_code_for(
        self, session_id: str, participant_id: str, *, by: str, channel: str | None = None
    ) -> None:
        """Send the code that a participant reads out on the telephone; see `Switchboard.send_code_for`."""
        await self._crew.switchboard.send_code_for(session_id, participant_id, by=by, channel=channel)

    async def identify(
        self,
        session_id: str,
        participant_id: str,
        *,
        by: str,
        code: str | None = None,
        how: str | None = None,
    ) -> Session:
        """Record how staff know who somebody is, by code or otherwise; see `Switchboard.identify`."""
        return await self._crew.switchboard.identify(session_id, participant_id, by=by, code=code, how=how)

    async def receive_receipt(self, receipt: Receipt) -> bool:
        """Record what a gateway says of a message; return False where it says nothing new."""
        return await self._crew.deliveries.receive(receipt)

    # --- What pages ask --------------------------------------------------------------------------

    async def opened(self, link_id: str) -> tuple[Session, Participant]:
        """Return what a link leads to, or raise `LinkUnknown`; it changes nothing and sends nothing."""
        return await self._crew.reception.opened(link_id)

    async def code_channels(self, link_id: str) -> tuple[str, ...]:
        """Name the channels by which a code reaches whoever a link is for, the preferred one first."""
        return await self._crew.reception.code_channels(link_id)

    async def visit_pass(self, grant_token: str) -> VisitPass:
        """Trade a grant for the pass that a page keeps for this visit."""
        return await self._crew.doorkeeper.passes(grant_token)

    async def regrant(self, pass_token: str) -> JoinGrant:
        """Trade a pass for a fresh grant; every connection takes one."""
        return await self._crew.doorkeeper.regrants(pass_token)

    async def holder(self, pass_token: str) -> tuple[Session, Participant]:
        """Return the session that a pass is for and whose it is, or raise as `regrant` does."""
        return await self._crew.doorkeeper.holder(pass_token)

    # --- What runs -------------------------------------------------------------------------------

    async def serve(self, transport: Transport) -> None:
        """Serve one device over any transport until it ends; its first message carries the grant."""
        await self._crew.hub.serve(transport)

    def asgi(self, *, otherwise: "AsgiApp | None" = None) -> "AsgiApp":
        """Return the web application: to be mounted, or in front of another one that gets the rest."""
        from hugathome.asgi import build

        return build(self, otherwise=otherwise)

    async def events(
        self, *, organisation: str, after: int = 0, follow: bool = False
    ) -> AsyncIterator[Event]:
        """Yield an organisation's events after a position, in order; with `follow`, wait for more."""
        while True:
            events = await self._crew.consultations.events(
                organisation=organisation, after=after, limit=EVENTS_AT_ONCE
            )
            for event in events:
                yield event
                after = event.position
            if events:
                continue
            if not follow:
                return
            await self.clock.sleep(_EVENTS_POLLED)

    async def audit(self, *, organisation: str, after: int = 0) -> AsyncIterator[AuditEntry]:
        """Yield who did what to an organisation's sessions, and what came of it, in order; not verified."""
        while entries := await self._crew.trail.entries(organisation, after=after, limit=EVENTS_AT_ONCE):
            for entry in entries:
                yield entry
                after = entry.position

    async def audit_head(self, *, organisation: str) -> Head:
        """Return how far an organisation's audit trail goes: its `str` is to be noted elsewhere."""
        return await self._crew.trail.head(organisation)

    async def verify_audit(
        self, *, organisation: str, after: Head | str = START, head: Head | str | None = None
    ) -> Head:
        """Return how far an audit trail is as it was written, or raise `AuditBroken`; see `Trail.verify`."""
        return await self._crew.trail.verify(organisation, after=after, head=head)

    # --- How long things are kept ----------------------------------------------------------------

    async def export(self, *, organisation: str, reference: str) -> Dossier:
        """Return everything that is held about one person; see `Retention.export`."""
        return await self._crew.retention.export(organisation=organisation, reference=reference)

    async def erase(self, *, organisation: str, reference: str, by: str) -> tuple[str, ...]:
        """Erase one person, and leave evidence that names nobody; see `Retention.erase`."""
        return await self._crew.retention.erase(organisation=organisation, reference=reference, by=by)

    async def forget(self, *, organisation: str, before: datetime, by: str) -> int:
        """Erase everybody in sessions that ended before that; see `Retention.forget`."""
        return await self._crew.retention.forget(organisation=organisation, before=before, by=by)

    async def run_due(self) -> datetime | None:
        """Deliver what is due, forget what has had its time, and return when to come again.

        For cron, a scheduler, or a loop.
        """
        return await self._run_due()
