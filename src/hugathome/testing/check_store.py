"""Prove that a store keeps the promises of `ChallengeStore` and `SessionStore`.

    await check_store(lambda: open_store("sqlite:////tmp/empty.db"))    # each call opens the same data
    await check_store(lambda: open_code_store("redis://localhost"))     # one for codes alone, by its rules
    store = open_store("memory://")
    await check_store(lambda: store)                                    # what is in memory opens once

The first rule that is broken raises `ConformanceFailure`, whose `rule` names it. The store is empty at
the beginning, and what the check leaves behind is nobody's. Every rule is tried on the event loop and then,
through `for_blocking()`, without one; where no loop runs, as on a connection of a host's, without one only.
Whether a save survives a power cut is not checked. It needs no test runner.
"""

import asyncio
from collections.abc import Sequence

from hugathome._drive import drive
from hugathome.errors import ConfigurationError
from hugathome.testing import _check_audit, _check_codes, _check_sessions
from hugathome.testing._shelf import Opens, Rule, Shelf
from hugathome.testing.conformance import ConformanceFailure


async def check_store(open: Opens) -> None:
    """Raise `ConformanceFailure` unless what `open` returns, whole or for codes alone, keeps every rule."""
    if _is_on_a_loop():
        await _check(open, is_blocking=False)
    try:
        drive(_check(open, is_blocking=True))
    except ConfigurationError as suspended:
        raise ConformanceFailure("a blocking variant never suspends", str(suspended)) from suspended


def _is_on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _check(open_one: Opens, *, is_blocking: bool) -> None:
    for rule in await _rules(Shelf(open_one, is_blocking=is_blocking)):
        shelf = Shelf(open_one, is_blocking=is_blocking)
        name = rule.__name__.replace("_", " ")
        try:
            await rule(shelf, name)
        except ConformanceFailure:
            raise
        except Exception as error:
            raise ConformanceFailure(name, f"raised {error!r}") from error
        finally:
            await shelf.aclose()


async def _rules(shelf: Shelf) -> Sequence[Rule]:
    shelf.open()
    await shelf.aclose()
    if not shelf.keeps_sessions:
        return _check_codes.RULES
    return (*_check_codes.RULES, *_check_sessions.RULES, *_check_audit.RULES)
