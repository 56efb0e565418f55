"""How many refusals are written into the audit trail: whoever hammers at a closed door does not fill it.

Of one person at one session the first of each hour are written, and each is refused, written or not. Each
process counts for itself, and forgets whom it has not heard of for longest.
"""

from collections import OrderedDict
from datetime import datetime, timedelta

from hugathome.record.history import Change

_AT_MOST = 50
_WITHIN = timedelta(hours=1)
_KNOWN = 10_000

_Who = tuple[str, str | None]


class Refusals:
    """Counts the refusals of one process."""

    def __init__(self) -> None:
        self._counted: OrderedDict[_Who, tuple[datetime, int]] = OrderedDict()

    def is_written(self, session_id: str, trying: Change) -> bool:
        """Count a refusal, and return whether it is one of the first."""
        who = (session_id, trying.by or trying.participant)
        since, count = self._counted.pop(who, (trying.at, 0))
        if not since <= trying.at < since + _WITHIN:
            since, count = trying.at, 0
        self._counted[who] = (since, count + 1)
        if len(self._counted) > _KNOWN:
            self._counted.popitem(last=False)
        return count < _AT_MOST
