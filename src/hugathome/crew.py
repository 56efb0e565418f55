"""Who acts for a deployment: every coordinator, made in the one order in which they can know each other.

    crew = Crew(means)
    await crew.reception.invite(…)

What they draw on comes in as `Means`. Nobody acts here: making a crew does no I/O and starts nothing.
"""

from dataclasses import dataclass

from hugathome.clock import Clock
from hugathome.codes import ChallengeStore
from hugathome.consultations import Consultations
from hugathome.hub import Hub
from hugathome.keys import KeyRing
from hugathome.organisations import Organisations
from hugathome.protocol.ice import IceServer
from hugathome.protocol.wire import Limits
from hugathome.record.offers import Directory
from hugathome.record.shelf import SessionStore
from hugathome.rooms.journal import Journal
from hugathome.sending.check_in_codes import CheckInCodes
from hugathome.sending.deliveries import Deliveries
from hugathome.sending.dispatch import Dispatch
from hugathome.sending.letters import Letters
from hugathome.signalling import SignallingLog
from hugathome.verifier import Randomness, Verifier
from hugathome.visits.archive import Archive
from hugathome.visits.bookings import Bookings
from hugathome.visits.doorkeeper import Doorkeeper
from hugathome.visits.queues import Queues
from hugathome.visits.reception import Reception
from hugathome.visits.retention import Retention
from hugathome.visits.switchboard import Switchboard
from hugathome.visits.trail import Trail


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Means:
    """What a crew works with, in the variants that suit the kind of host."""

    site: str
    keys: KeyRing
    organisations: Organisations
    sessions: SessionStore
    codes: ChallengeStore
    log: SignallingLog
    limits: Limits
    clock: Clock
    randomness: Randomness
    ice_servers: tuple[IceServer, ...] = ()
    relay_only: bool = False
    directory: Directory | None = None
    """None where patients do not choose."""


class Crew:
    """Everybody who acts for one deployment."""

    def __init__(self, means: Means) -> None:
        keys, clock, randomness = means.keys, means.clock, means.randomness
        self.journal = Journal(log=means.log, keys=keys, randomness=randomness, limits=means.limits)
        self.consultations = Consultations(
            store=means.sessions,
            journal=self.journal,
            keys=keys,
            clock=clock,
            randomness=randomness,
            organisations=means.organisations,
        )
        self.bookings = None if means.directory is None else self._bookings(means, means.directory)
        self.trail = Trail(store=means.sessions, keys=keys, organisations=means.organisations)
        self.retention = Retention(
            consultations=self.consultations,
            archive=Archive(store=means.sessions, keys=keys, randomness=randomness),
            trail=self.trail,
            organisations=means.organisations,
            clock=clock,
        )
        self.doorkeeper = Doorkeeper(
            consultations=self.consultations, keys=keys, issuer=means.site, clock=clock, randomness=randomness
        )
        self.verifier = Verifier(store=means.codes, keys=keys, clock=clock, randomness=randomness)
        self.deliveries = Deliveries(consultations=self.consultations, verifier=self.verifier, clock=clock)
        self.dispatch, self.reception, self.switchboard = self._front_desk(means)
        self.queues = Queues(
            consultations=self.consultations,
            switchboard=self.switchboard,
            journal=self.journal,
            clock=clock,
            randomness=randomness,
        )
        self.hub = Hub(
            journal=self.journal,
            consultations=self.consultations,
            doorkeeper=self.doorkeeper,
            clock=clock,
            randomness=randomness,
            limits=means.limits,
            ice_servers=means.ice_servers,
            relay_only=means.relay_only,
        )

    def _bookings(self, means: Means, directory: Directory) -> Bookings:
        return Bookings(
            directory=directory,
            consultations=self.consultations,
            organisations=means.organisations,
            clock=means.clock,
        )

    def _front_desk(self, means: Means) -> tuple[Dispatch, Reception, Switchboard]:
        """Return who sends messages, who lets people in, and who calls them."""
        letters = Letters(organisations=means.organisations, keys=means.keys, clock=means.clock)
        codes = CheckInCodes(
            consultations=self.consultations, verifier=self.verifier, letters=letters, store=means.sessions
        )
        dispatch = Dispatch(
            consultations=self.consultations,
            codes=codes,
            letters=letters,
            deliveries=self.deliveries,
            retention=self.retention,
            store=means.sessions,
            organisations=means.organisations,
            clock=means.clock,
            randomness=means.randomness,
        )
        reception = Reception(
            consultations=self.consultations,
            verifier=self.verifier,
            codes=codes,
            letters=letters,
            dispatch=dispatch,
            organisations=means.organisations,
            clock=means.clock,
            randomness=means.randomness,
        )
        switchboard = Switchboard(
            consultations=self.consultations,
            reception=reception,
            codes=codes,
            letters=letters,
            dispatch=dispatch,
            store=means.sessions,
            journal=self.journal,
            clock=means.clock,
        )
        return dispatch, reception, switchboard
