"""Who acts for a deployment: every coordinator, made in the one order in which they can know each other.

    crew = Crew(means)
    await crew.reception.invite(…)

What they draw on comes in as `Means`. Nobody acts here: making a crew does no I/O and starts nothing.
"""

from dataclasses import dataclass

from hugathome.archive import Archive
from hugathome.bookings import Bookings
from hugathome.check_in_codes import CheckInCodes
from hugathome.clock import Clock
from hugathome.codes import ChallengeStore
from hugathome.consultations import Consultations
from hugathome.deliveries import Deliveries
from hugathome.dispatch import Dispatch
from hugathome.doorkeeper import Doorkeeper
from hugathome.journal import Journal
from hugathome.keys import KeyRing
from hugathome.letters import Letters
from hugathome.offers import Directory
from hugathome.organisations import Organisations
from hugathome.queues import Queues
from hugathome.reception import Reception
from hugathome.retention import Retention
from hugathome.shelf import SessionStore
from hugathome.signalling import SignallingLog
from hugathome.switchboard import Switchboard
from hugathome.trail import Trail
from hugathome.verifier import Randomness, Verifier
from hugathome.wire import Limits


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
        self.queues = Queues(
            consultations=self.consultations,
            organisations=means.organisations,
            clock=clock,
            randomness=randomness,
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
