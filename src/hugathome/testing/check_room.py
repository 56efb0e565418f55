"""Prove that rooms are what they should be over a transport and a log, together.

    async def connect_pair():
        return my_client_end, my_server_end

    await check_room(connect_pair, lambda: MyLog(…))

Golden scenarios, such as *a cut loses and doubles nothing*, are played through the real hub by devices that
follow a script. The first that goes otherwise raises `ConformanceFailure`, whose `rule` names it. Run
`check_transport` and `check_log` before: they say what is wrong, and this says what it does to a visit. It
needs no test runner, and takes a second or two in memory, some seconds over a network, and up to a minute
with a log that has to be asked whether there is something new.
"""

from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from datetime import timedelta

from hugathome.errors import InvalidInput
from hugathome.signalling import SignallingLog
from hugathome.testing.conformance import ConformanceFailure
from hugathome.testing.golden import SCENARIOS, ConnectPair, Scenario, Stage
from hugathome.testing.golden.script import Script


async def check_room(
    connect_pair: ConnectPair,
    open_log: Callable[[], SignallingLog],
    *,
    only: Collection[str] = (),
    patience: timedelta = timedelta(seconds=5),
) -> tuple[str, ...]:
    """Play the scenarios, or `only` those of these names; return the names of those that were played.

    `connect_pair` is called for each device, first its end and then the hub's; `open_log` once for each
    scenario. Both are closed here. What should come and has not within `patience` breaks the scenario.
    Raises `ConformanceFailure`.
    """
    unknown = sorted(set(only) - SCENARIOS.keys())
    if unknown:
        raise InvalidInput(f"there is no scenario {unknown[0]!r}")
    chosen = {name: scenario for name, scenario in SCENARIOS.items() if not only or name in only}
    for name, scenario in chosen.items():
        script = Script(name, patience=patience.total_seconds())
        await _play(scenario, Stage(connect_pair, open_log(), script))
    return tuple(chosen)


async def _play(scenario: Scenario, stage: Stage) -> None:
    try:
        await _told(scenario(stage), stage.script)
    except BaseException:
        with suppress(ConformanceFailure):  # the first one is what is to be told
            await _told(stage.close(), stage.script)
        raise
    await _told(stage.close(), stage.script)


async def _told(work: Awaitable[None], script: Script) -> None:
    """Do `work`, and say of whatever it raises in which scenario it was."""
    try:
        await work
    except ConformanceFailure:
        raise
    except Exception as error:
        raise script.broken(f"raised {error!r}") from error
