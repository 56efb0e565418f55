"""What a run is about: who takes part, what they do, what goes wrong, and what must hold."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hugathome.protocol.wire import Limits
from hugathome.record.participants import Participant
from hugathome.testing.simulation.actions import ACTIONS, Action
from hugathome.testing.simulation.faults import FAULTS

if TYPE_CHECKING:
    from hugathome.testing.simulation.world import World

Check = Callable[["World"], Iterator[str]]
"""Yields what it holds against a world."""

PEOPLE = (
    Participant(id="dr", role="practitioner", name="Dr A. Rossi"),
    Participant(id="pat", role="patient", name="M. Dupont"),
    Participant(id="nurse", role="nurse", name="N. Weber"),
    Participant(id="dr-2", role="practitioner", name="Dr C. Favre"),
)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Who takes part, what they do, and what goes wrong."""

    people: Sequence[Participant] = PEOPLE
    """One of them at least may admit."""
    steps: int = 8
    """Actions and faults in one run."""
    actions: Mapping[Action, float] = field(default_factory=lambda: ACTIONS)
    faults: Mapping[Action, float] = field(default_factory=lambda: FAULTS)
    trouble: float = 0.3
    """The share of faults among the steps."""
    workers: int = 2
    limits: Limits = Limits(away_for=10, host_away_for=15, window=8, app=64)
    checks: Sequence[Check] = ()
    """What must hold after every step, beside the invariants: each yields what it holds against the world."""
    first: Sequence[Action] = ()
    """What is done before anything else, one after another."""
