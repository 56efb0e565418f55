"""A host folds our tables into its own migrations, and has then what `hugathome schema` prints."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext

from hugathome.errors import ConfigurationError
from hugathome.logs.sql import METADATA as LOGS
from hugathome.stores import schema
from hugathome.stores.sql import METADATA as STORES

ENV = """
from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
"""


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    """Return an engine on a database that holds nothing at all."""
    engine = sa.create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        for metadata in (STORES, LOGS):
            metadata.drop_all(connection)
    yield engine
    engine.dispose()


@pytest.fixture
def host(tmp_path: Path) -> Config:
    """Return a host's configuration of Alembic: it names our revisions beside its own."""
    scripts = tmp_path / "host"
    (scripts / "versions").mkdir(parents=True)
    (scripts / "env.py").write_text(ENV)
    config = Config()
    config.set_main_option("script_location", str(scripts))
    config.set_main_option("path_separator", "newline")
    ours = "hugathome:stores/migrations"
    config.set_main_option("version_locations", f"{scripts / 'versions'}\n{ours}")
    return config


def migrate(host: Config, engine: sa.Engine, *, to: str) -> None:
    with engine.begin() as connection:
        host.attributes["connection"] = connection
        (command.downgrade if to.endswith("base") else command.upgrade)(host, to)


def tables_of(engine: sa.Engine) -> set[str]:
    return set(sa.inspect(engine).get_table_names()) - {"alembic_version"}


def differences(connection: sa.Connection) -> object:
    """Return what Alembic would change in a database for stores and logs."""
    needed = sa.MetaData()
    for table in (*STORES.sorted_tables, *LOGS.sorted_tables):
        table.to_metadata(needed)
    return compare_metadata(MigrationContext.configure(connection), needed)


def keys_of(connection: sa.Connection) -> dict[str, list[str]]:
    """Return each table's primary key: Alembic compares none."""
    inspected = sa.inspect(connection)
    names = set(inspected.get_table_names()) - {"alembic_version"}
    return {name: inspected.get_pk_constraint(name)["constrained_columns"] for name in names}


def test_after_an_upgrade_alembic_finds_no_difference_to_what_stores_need(
    host: Config, engine: sa.Engine
) -> None:
    migrate(host, engine, to="hugathome@head")

    with engine.connect() as connection:
        assert differences(connection) == []
        made = keys_of(connection)
    assert made == {
        table.name: [column.name for column in table.primary_key]
        for table in (*STORES.sorted_tables, *LOGS.sorted_tables)
    }


def test_a_column_that_a_revision_forgot_would_be_found(host: Config, engine: sa.Engine) -> None:
    migrate(host, engine, to="hugathome@head")

    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE hugathome_session RENAME COLUMN version TO older"))
        assert differences(connection)


def test_what_the_schema_prints_is_what_the_revisions_make(host: Config, engine: sa.Engine) -> None:
    with engine.begin() as connection:
        for statement in schema(connection.dialect.name).strip().split(";\n"):
            connection.execute(sa.text(statement))
        assert differences(connection) == []
        printed = keys_of(connection)
        for metadata in (STORES, LOGS):
            metadata.drop_all(connection)

    migrate(host, engine, to="hugathome@head")

    with engine.connect() as connection:
        assert keys_of(connection) == printed


def test_going_back_drops_what_is_empty(host: Config, engine: sa.Engine) -> None:
    migrate(host, engine, to="hugathome@head")

    migrate(host, engine, to="hugathome@base")

    assert tables_of(engine) == set()
    migrate(host, engine, to="hugathome@head")


def test_going_back_drops_nothing_that_is_kept(host: Config, engine: sa.Engine) -> None:
    migrate(host, engine, to="hugathome@head")
    with engine.begin() as connection:
        connection.execute(
            sa.insert(STORES.tables["hugathome_counter"]).values(organisation="hug", position=1)
        )

    with pytest.raises(ConfigurationError, match="hugathome_counter holds records"):
        migrate(host, engine, to="hugathome@base")

    assert tables_of(engine) == {*STORES.tables, *LOGS.tables}


def test_our_revisions_are_a_line_of_their_own_among_the_hosts(host: Config, engine: sa.Engine) -> None:
    first = Path(str(host.get_main_option("script_location")), "versions", "first.py")
    first.write_text('revision = "first"\ndown_revision = None\n\n\ndef upgrade():\n    pass\n')

    migrate(host, engine, to="heads")

    with engine.connect() as connection:
        heads = MigrationContext.configure(connection).get_current_heads()
    assert set(heads) == {"first", "hugathome_0001"}
