"""Sessions and codes behind PgBouncer, which lends a connection for one transaction at a time."""

import pytest
import sqlalchemy as sa
from tests import servers

from hugathome._drive import drive
from hugathome.stores import open_code_store, open_store
from hugathome.stores._database import BlockingDatabase, open_database
from hugathome.stores.sql import METADATA
from hugathome.testing.check_store import check_store

pytestmark = pytest.mark.skipif(not servers.HAS_PGBOUNCER, reason="no PgBouncer: scripts/system-packages")


async def test_codes_behind_a_pooler_keep_every_rule(emptied_postgresql: str, pgbouncer: str) -> None:
    await check_store(lambda: open_code_store(pgbouncer))


def test_a_store_behind_a_pooler_keeps_every_rule_without_an_event_loop(
    emptied_postgresql: str, pgbouncer: str
) -> None:
    drive(check_store(lambda: open_store(pgbouncer)))


def prepared(url: str) -> int:
    """Return how many statements a connection has prepared after doing one often."""
    database = open_database(url, metadata=METADATA, is_each_alone=True).for_blocking()
    assert isinstance(database, BlockingDatabase)

    def often(connection: sa.Connection) -> int:
        for _ in range(10):
            connection.execute(sa.text("SELECT 1"))
        return len(connection.execute(sa.text("SELECT * FROM pg_prepared_statements")).all())

    found = drive(database.read(often))
    drive(database.aclose())
    return found


def test_statements_are_prepared_on_the_server_itself_and_on_no_pooler(
    emptied_postgresql: str, pgbouncer: str
) -> None:
    assert prepared(emptied_postgresql) == 1
    assert prepared(pgbouncer) == 0
