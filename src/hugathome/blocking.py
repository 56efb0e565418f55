"""The same library for synchronous hosts: Django views, Flask routes, Celery tasks.

    from hugathome.blocking import HugAtHome

The calls are those of `hugathome.HugAtHome` without `await`. There is no event loop, thread or bridge
behind them: over stores and gateways that do not suspend, the very same coroutines run to their end in
one step. With `open_store(connection)` they join the host's own transaction: what it rolls back was
never planned, and nothing is sent before it commits. Devices are served by the ASGI application, in
front of this host or beside it as `hugathome serve`.
"""

from collections.abc import Callable, Coroutine, Iterator
from datetime import datetime
from functools import wraps
from operator import attrgetter
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from hugathome._closing import closing
from hugathome._drive import blocking_variant, drive
from hugathome.consultations import Consultations
from hugathome.deployment import EVENTS_AT_ONCE, Deployment
from hugathome.discretion import discreet
from hugathome.grants import JoinGrant
from hugathome.one_time_codes import CodesAlone
from hugathome.record.audit import START, AuditEntry, Head
from hugathome.record.shelf import Event
from hugathome.sending.deliveries import Deliveries
from hugathome.sending.desk import Desk
from hugathome.visits.bookings import Bookings
from hugathome.visits.doorkeeper import Doorkeeper
from hugathome.visits.queues import Queues
from hugathome.visits.reception import Reception
from hugathome.visits.retention import Retention
from hugathome.visits.switchboard import Switchboard

P = ParamSpec("P")
T = TypeVar("T")
Part = TypeVar("Part")


def _driven(
    part: Callable[[Any], Part], method: Callable[Concatenate[Part, P], Coroutine[Any, Any, T]]
) -> Callable[Concatenate[Any, P], T]:
    """Return `method` of the owner's `part` as a plain method."""

    @wraps(method)
    def call(owner: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return drive(method(part(owner), *args, **kwargs))

    return call


_consultations: Callable[[Any], Consultations] = attrgetter("_consultations")


@discreet
class Sessions:
    """Everything that is done to a session by name; see `hugathome.consultations.Consultations`."""

    def __init__(self, consultations: Consultations) -> None:
        self._consultations = consultations

    plan = _driven(_consultations, Consultations.plan)
    queue_up = _driven(_consultations, Consultations.queue_up)
    confirm = _driven(_consultations, Consultations.confirm)
    reschedule = _driven(_consultations, Consultations.reschedule)
    join = _driven(_consultations, Consultations.join)
    accept = _driven(_consultations, Consultations.accept)
    withdraw = _driven(_consultations, Consultations.withdraw)
    extend = _driven(_consultations, Consultations.extend)
    cancel = _driven(_consultations, Consultations.cancel)
    arrive = _driven(_consultations, Consultations.arrive)
    depart = _driven(_consultations, Consultations.depart)
    admit = _driven(_consultations, Consultations.admit)
    deny = _driven(_consultations, Consultations.deny)
    return_to_waiting = _driven(_consultations, Consultations.return_to_waiting)
    remove = _driven(_consultations, Consultations.remove)
    hold = _driven(_consultations, Consultations.hold)
    resume = _driven(_consultations, Consultations.resume)
    change_modality = _driven(_consultations, Consultations.change_modality)
    transfer = _driven(_consultations, Consultations.transfer)
    take_on = _driven(_consultations, Consultations.take_on)
    decline = _driven(_consultations, Consultations.decline)
    give_opinion = _driven(_consultations, Consultations.give_opinion)
    complete = _driven(_consultations, Consultations.complete)
    discontinue = _driven(_consultations, Consultations.discontinue)
    step = _driven(_consultations, Consultations.step)
    get = _driven(_consultations, Consultations.get)
    find = _driven(_consultations, Consultations.find)
    list = _driven(_consultations, Consultations.list)


_queues: Callable[[Any], Queues] = attrgetter("_queues")


@discreet
class Queue:
    """Where patients wait for whoever is free; see `hugathome.visits.queues.Queues`."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues

    enter = _driven(_queues, Queues.enter)
    waiting = _driven(_queues, Queues.waiting)
    place = _driven(_queues, Queues.place)
    take_next = _driven(_queues, Queues.take_next)
    take = _driven(_queues, Queues.take)


_bookings: Callable[[Any], Bookings] = attrgetter("_bookings")


@discreet
class Offers:
    """What patients choose from and book; see `hugathome.visits.bookings.Bookings`."""

    def __init__(self, bookings: Bookings) -> None:
        self._bookings = bookings

    search = _driven(_bookings, Bookings.search)
    slots = _driven(_bookings, Bookings.slots)
    hold = _driven(_bookings, Bookings.hold)
    book = _driven(_bookings, Bookings.book)
    confirm = _driven(_bookings, Bookings.confirm)
    move = _driven(_bookings, Bookings.move)


_reception: Callable[[Any], Reception] = attrgetter("_crew.reception")
_switchboard: Callable[[Any], Switchboard] = attrgetter("_crew.switchboard")
_doorkeeper: Callable[[Any], Doorkeeper] = attrgetter("_crew.doorkeeper")
_deliveries: Callable[[Any], Deliveries] = attrgetter("_crew.deliveries")
_retention: Callable[[Any], Retention] = attrgetter("_crew.retention")


class _Blocking:
    _adapted = staticmethod(blocking_variant)


@discreet
class HugAtHome(_Blocking, Deployment):
    """Teleconsultations for a host without an event loop."""

    @property
    def sessions(self) -> Sessions:
        """Everything that is done to a session by name."""
        return Sessions(self._crew.consultations)

    @property
    def queue(self) -> Queue:
        """Where patients wait for whoever is free, and are taken."""
        return Queue(self._crew.queues)

    @property
    def offers(self) -> Offers:
        """What patients choose from and book; raise `ConfigurationError` without a `directory=`."""
        return Offers(self._bookings())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close store and log; a host's own connection stays open, and twice is fine."""
        for part in closing(self._log, self._store):
            drive(part.aclose())

    invite = _driven(_reception, Reception.invite)
    calendar = _driven(_reception, Reception.calendar)
    send_code = _driven(_reception, Reception.send_code)
    call = _driven(_switchboard, Switchboard.call)
    callback_word = _driven(_switchboard, Switchboard.callback_word)
    send_code_for = _driven(_switchboard, Switchboard.send_code_for)
    identify = _driven(_switchboard, Switchboard.identify)
    opened = _driven(_reception, Reception.opened)
    code_channels = _driven(_reception, Reception.code_channels)
    visit_pass = _driven(_doorkeeper, Doorkeeper.passes)
    regrant = _driven(_doorkeeper, Doorkeeper.regrants)
    holder = _driven(_doorkeeper, Doorkeeper.holder)
    receive_receipt = _driven(_deliveries, Deliveries.receive)
    export = _driven(_retention, Retention.export)
    erase = _driven(_retention, Retention.erase)
    forget = _driven(_retention, Retention.forget)

    def run_due(self) -> datetime | None:
        """Deliver what is due, forget what has had its time, and return when to come again."""
        return drive(self._run_due())

    def check_in(self, link_id: str, code: str) -> JoinGrant:
        """Return a grant for the participant whose code this is, or raise a `CodeError` that says why not."""
        session, participant = drive(self._crew.reception.check_in(link_id, code))
        return self._crew.doorkeeper.grant(
            session.id, participant.id, device=session.of(participant.id).device
        )

    def events(self, *, organisation: str, after: int = 0) -> Iterator[Event]:
        """Yield an organisation's events after a position, in order, up to the present."""
        consultations = self._crew.consultations
        while events := drive(
            consultations.events(organisation=organisation, after=after, limit=EVENTS_AT_ONCE)
        ):
            yield from events
            after = events[-1].position

    def audit(self, *, organisation: str, after: int = 0) -> Iterator[AuditEntry]:
        """Yield who did what to an organisation's sessions, and what came of it, in order; not verified."""
        while entries := drive(self._crew.trail.entries(organisation, after=after, limit=EVENTS_AT_ONCE)):
            yield from entries
            after = entries[-1].position

    def audit_head(self, *, organisation: str) -> Head:
        """Return how far an organisation's audit trail goes: its `str` is to be noted elsewhere."""
        return drive(self._crew.trail.head(organisation))

    def verify_audit(
        self, *, organisation: str, after: Head | str = START, head: Head | str | None = None
    ) -> Head:
        """Return how far an audit trail is as it was written, or raise `AuditBroken`; see `Trail.verify`."""
        return drive(self._crew.trail.verify(organisation, after=after, head=head))


_desk: Callable[[Any], Desk] = attrgetter("_desk")


@discreet
class OneTimeCodes(_Blocking, CodesAlone):
    """Codes alone, for a host without an event loop; see `hugathome.one_time_codes`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the store; twice is fine."""
        for part in closing(self._store):
            drive(part.aclose())

    issue = _driven(_desk, Desk.issue)
    send = _driven(_desk, Desk.send)
    resend = _driven(_desk, Desk.resend)
    code_channels = _driven(_desk, Desk.code_channels)
    delivery = _driven(_desk, Desk.delivery)
    receive_receipt = _driven(_desk, Desk.receive_receipt)
    verify = _driven(_desk, Desk.verify)
    revoke = _driven(_desk, Desk.revoke)
    forget_old = _driven(_desk, Desk.forget_old)
