"""Take a step that others may be taking at the same time: decide, save under the version that was read.

Of those who save at once one wins, and the others decide again from what it left.
"""

from collections.abc import Awaitable, Callable

from hugathome.codes import Challenge, ChallengeStore
from hugathome.errors import StoreUnavailable
from hugathome.quotas import Tally

_RACES = 200
"""How often a step that lost a race is taken again; somebody wins each, so only a broken store gets there."""

Record = Challenge | Tally
Step = Callable[[], Awaitable[tuple[Record | None, Record | None]]]
"""Returns a record as it was just read, and as it shall be; the same again where nothing changes."""


async def saved(store: ChallengeStore, step: Step) -> None:
    """Save what `step` makes of what it reads; ask it again whenever another was faster."""
    for _ in range(_RACES):
        before, after = await step()
        if after is None or after is before:
            return
        if await store.save(after, expected=before.version if before is not None else 0):
            return
    raise StoreUnavailable("a record changed under every attempt to change it")
