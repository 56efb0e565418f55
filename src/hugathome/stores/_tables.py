"""The tables of a SQL store. A server's database gets them from its own people, SQLite at the first use."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from hugathome.stores._records import microseconds


class _Instant(sa.TypeDecorator[datetime]):
    """An instant as whole microseconds since 1970: the same in every database."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        """Count the microseconds."""
        return None if value is None else microseconds(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        """Return an aware datetime in UTC."""
        return None if value is None else datetime.fromtimestamp(value / 1_000_000, UTC)


METADATA = sa.MetaData()

SESSIONS = sa.Table(
    "hugathome_session",
    METADATA,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("organisation", sa.String(32), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("starts_at", _Instant, nullable=False),
    sa.Column("due_at", _Instant, index=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("ix_hugathome_session_listed", "organisation", "starts_at", "id"),
)
LOOKUPS = sa.Table(
    "hugathome_lookup",
    METADATA,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("session_id", sa.String(64), nullable=False, index=True),
)
TAGS = sa.Table(
    "hugathome_tag",
    METADATA,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("at", _Instant, primary_key=True),
    sa.Column("session_id", sa.String(64), primary_key=True, index=True),
)
EVENTS = sa.Table(
    "hugathome_event",
    METADATA,
    sa.Column("organisation", sa.String(32), primary_key=True),
    sa.Column("position", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("session_id", sa.String(64), nullable=False, index=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
AUDIT = sa.Table(
    "hugathome_audit",
    METADATA,
    sa.Column("organisation", sa.String(32), primary_key=True),
    sa.Column("position", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("previous", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
COUNTERS = sa.Table(
    "hugathome_counter",
    METADATA,
    sa.Column("organisation", sa.String(32), primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
)
CODES = sa.Table(
    "hugathome_code",
    METADATA,
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("over_at", _Instant, nullable=False, index=True),
    sa.Column("body", sa.Text, nullable=False),
)
