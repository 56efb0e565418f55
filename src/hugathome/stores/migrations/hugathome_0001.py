"""The first tables: sessions and what leads to them, events, the audit trail, codes, and the rooms' logs.

Going back drops them only while nothing is kept in them: nobody loses a record by one step too many.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from hugathome.errors import ConfigurationError

revision = "hugathome_0001"
down_revision = None
branch_labels = ("hugathome",)
depends_on = None

_POSITION = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TABLES: dict[str, tuple[sa.Column[Any], ...]] = {
    "hugathome_session": (
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("organisation", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("starts_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("body", sa.LargeBinary, nullable=False),
    ),
    "hugathome_lookup": (
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("session_id", sa.String(64), nullable=False),
    ),
    "hugathome_tag": (
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("at", sa.BigInteger, primary_key=True),
        sa.Column("session_id", sa.String(64), primary_key=True),
    ),
    "hugathome_event": (
        sa.Column("organisation", sa.String(32), primary_key=True),
        sa.Column("position", _POSITION, primary_key=True),
        sa.Column("session_id", sa.String(64), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    ),
    "hugathome_audit": (
        sa.Column("organisation", sa.String(32), primary_key=True),
        sa.Column("position", _POSITION, primary_key=True),
        sa.Column("previous", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    ),
    "hugathome_counter": (
        sa.Column("organisation", sa.String(32), primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
    ),
    "hugathome_code": (
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("over_at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    ),
    "hugathome_log": (
        sa.Column("room", sa.String(64), primary_key=True),
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("record", sa.LargeBinary, nullable=False),
    ),
    "hugathome_log_snapshot": (
        sa.Column("room", sa.String(64), primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("snapshot", sa.LargeBinary, nullable=False),
    ),
}
_INDEXES = {
    "ix_hugathome_session_due_at": ("hugathome_session", ["due_at"]),
    "ix_hugathome_session_listed": ("hugathome_session", ["organisation", "starts_at", "id"]),
    "ix_hugathome_lookup_session_id": ("hugathome_lookup", ["session_id"]),
    "ix_hugathome_tag_session_id": ("hugathome_tag", ["session_id"]),
    "ix_hugathome_event_session_id": ("hugathome_event", ["session_id"]),
    "ix_hugathome_code_over_at": ("hugathome_code", ["over_at"]),
}


def upgrade() -> None:
    """Create the tables and their indexes."""
    for name, columns in _TABLES.items():
        op.create_table(name, *columns)
    for name, (table, of) in _INDEXES.items():
        op.create_index(name, table, of)


def downgrade() -> None:
    """Drop the tables; raise `ConfigurationError`, with all of them in place, if one holds anything."""
    for name in _TABLES:
        held = sa.select(sa.literal(1)).select_from(sa.table(name)).limit(1)
        if op.get_bind().execute(held).first() is not None:
            raise ConfigurationError(f"{name} holds records: empty it before you go back")
    for name in reversed(_TABLES):
        op.drop_table(name)
