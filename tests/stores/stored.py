"""A session as a store keeps it: found by one look-up, listed by one tag, and sealed."""

from datetime import UTC, datetime

from hugathome.record.shelf import StoredSession
from hugathome.record.transitions import Status

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
STORED = StoredSession(
    id="hug.s1",
    organisation="hug",
    version=1,
    status=Status.PLANNED,
    starts_at=NOW,
    due_at=None,
    lookups=frozenset({"a look-up"}),
    tags={"a tag": NOW},
    body=b"sealed",
)
