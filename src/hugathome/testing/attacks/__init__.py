"""The attacks that a one-time code must withstand, to be made on a store or a code service of one's own.

    await attack_codes("postgresql://…")         # this library's codes over a store
    await attack_codes(open_my_store)            # over one of yours: each call opens the same records
    await attack_codes(open_my_store, codes=blocking.OneTimeCodes)
    await attack_codes(codes=open_my_codes)      # a code service of yours, made as OneTimeCodes is

The first attack that succeeds raises `ConformanceFailure`, whose `rule` names it. What is left in the store
is nobody's. Races are run by tasks, threads and processes. Processes need a store that each of them can
open: a URL, or a function of a module; otherwise threads take their place. As `multiprocessing` asks for, a
script makes its attacks under `if __name__ == "__main__"`. It needs no test runner.
"""

import pickle
from collections.abc import Awaitable, Callable, Collection
from contextlib import closing
from functools import partial
from types import MappingProxyType
from typing import Final

from hugathome.errors import InvalidInput
from hugathome.one_time_codes import OneTimeCodes
from hugathome.stores import open_code_store
from hugathome.stores.memory import MemoryCodes
from hugathome.testing.attacks import answers, budgets, leaks, messages, races, replays, stored
from hugathome.testing.attacks._crowd import OpenStore, Processes, Tasks, Threads
from hugathome.testing.attacks._ground import Campaign, Ground
from hugathome.testing.attacks._service import CodeService, OpenCodes
from hugathome.testing.conformance import ConformanceFailure

__all__ = ["ATTACKS", "CodeService", "OpenCodes", "attack_codes"]

_Attack = Callable[[Ground], Awaitable[None]]


def _attacks_of(*modules: object) -> dict[str, _Attack]:
    found = {name: attack for module in modules for name, attack in vars(module).items() if _is_attack(name)}
    return dict(sorted(found.items()))


def _is_attack(name: str) -> bool:
    return name[0] == "a" and name[1:3].isdigit()


_ON_THE_STORE: Final = frozenset(_attacks_of(stored))
ATTACKS: Final = MappingProxyType(_attacks_of(races, budgets, replays, answers, messages, leaks, stored))
"""Every attack by its name, which begins with its number."""


async def attack_codes(
    store: str | OpenStore | None = None,
    *,
    codes: OpenCodes = OneTimeCodes,
    only: Collection[str] = (),
    runs: int = 3,
) -> tuple[str, ...]:
    """Make the attacks, or `only` those of some numbers such as `A05`; return the names of those made.

    `runs`: how often each race is run; 200 leave little to chance. Without a store, attacks on the store
    itself are left out. Raises `ConformanceFailure` for the first attack that succeeds.
    """
    chosen = _chosen(only, has_store=store is not None)
    with closing(Processes()) as processes:
        campaign = campaign_against(store, codes=codes, runs=runs, processes=processes)
        for name in chosen:
            await make_attack(name, campaign)
    return chosen


def campaign_against(
    store: str | OpenStore | None, *, codes: OpenCodes, runs: int, processes: Processes
) -> Campaign:
    """Return what the attacks of a run have in common; `processes` stay their giver's."""
    open_store = _opener(store)
    return Campaign(
        codes=codes,
        open_store=open_store,
        strongest=processes if _can_cross(open_store, codes) else Threads(),
        crowds=(Tasks(), Threads()),
        runs=runs,
    )


async def make_attack(name: str, campaign: Campaign) -> None:
    """Make one of `ATTACKS`, or raise the `ConformanceFailure` that says how it has succeeded."""
    rule = f"{name[:3].upper()}: {name[4:].replace('_', ' ')}"
    ground = Ground(campaign, rule=rule)
    try:
        await ATTACKS[name](ground)
    except ConformanceFailure:
        raise
    except Exception as error:
        raise ConformanceFailure(rule, f"raised {error!r}") from error
    finally:
        await ground.aclose()


def _chosen(only: Collection[str], *, has_store: bool) -> tuple[str, ...]:
    numbers = {name[:3].upper() for name in ATTACKS}
    if unknown := set(only) - numbers:
        raise InvalidInput(f"no attack on a code service has the number {', '.join(sorted(unknown))}")
    return tuple(
        name
        for name in ATTACKS
        if (not only or name[:3].upper() in only) and (has_store or name not in _ON_THE_STORE)
    )


def _opener(store: str | OpenStore | None) -> OpenStore:
    if callable(store):
        return store
    if store is None or store == "memory://":
        kept = MemoryCodes()
        return lambda: kept
    return partial(open_code_store, store)


def _can_cross(*parts: object) -> bool:
    """Whether another process can be given `parts`."""
    try:
        pickle.dumps(parts)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True
