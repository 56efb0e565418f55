"""Run a coroutine that never suspends, without an event loop.

Coordinators await nothing but seams, and over seams that never suspend their coroutines run from start
to end in one step. That is all that a synchronous host needs: no loop, no thread, no bridge. A part that
suspends may have a variant that blocks instead.
"""

from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar, runtime_checkable

from hugathome.errors import ConfigurationError

T = TypeVar("T")


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return what `coroutine` returns; raise `ConfigurationError` if it waits for an event loop."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return finished.value  # type: ignore[no-any-return]  # typeshed: StopIteration.value is Any
    coroutine.close()
    raise ConfigurationError("a part that needs an event loop was given to hugathome.blocking")


@runtime_checkable
class _HasVariant(Protocol):
    def for_blocking(self) -> Any: ...


def blocking_variant(part: T) -> T:
    """Return the variant of a part that blocks instead of suspending, or the part where it has none."""
    variant: T = part.for_blocking() if isinstance(part, _HasVariant) else part
    return variant
