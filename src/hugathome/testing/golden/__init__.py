"""The golden scenarios: what must happen in a room, whatever carries its devices and its log.

    script.py         what is held against the room     device.py         who says, and hears
    visit.py          the clinic around it              _descriptions.py  what stands for a description

    _coming_in.py     waiting, admission, devices       _inside.py        the mesh, the host's seat
    _negotiating.py   offers, answers, candidates       _writing.py       texts, messages of the host
    _coming_back.py   cuts, resumes, drains             _being_away.py    keeping a place, losing it
    _limits.py        form, size, rates, silence        _ending.py        the end, for all

Each public function of the lower eight is a scenario; `hugathome.testing.check_room` plays them.
"""

from collections.abc import Awaitable, Callable, Iterator
from types import MappingProxyType, ModuleType
from typing import Final

from hugathome.testing.golden import (
    _being_away,
    _coming_back,
    _coming_in,
    _ending,
    _inside,
    _limits,
    _negotiating,
    _writing,
)
from hugathome.testing.golden.visit import ConnectPair, Stage

__all__ = ["SCENARIOS", "ConnectPair", "Scenario", "Stage"]

Scenario = Callable[[Stage], Awaitable[None]]


def _scenarios_of(*modules: ModuleType) -> Iterator[tuple[str, Scenario]]:
    for module in modules:
        for name, found in vars(module).items():
            if getattr(found, "__module__", "") == module.__name__ and not name.startswith("_"):
                yield name.replace("_", " "), found


_IN_ORDER = (_coming_in, _inside, _writing, _negotiating, _coming_back, _being_away, _limits, _ending)

SCENARIOS: Final = MappingProxyType(dict(_scenarios_of(*_IN_ORDER)))
"""Every scenario by its name."""
