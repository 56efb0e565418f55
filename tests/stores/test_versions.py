"""A database whose tables are another version's says what to do, in our words."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.stores.stored import STORED

from hugathome.codes import Challenge
from hugathome.errors import StoreUnavailable
from hugathome.stores import open_code_store, open_store
from hugathome.stores.sql import METADATA


@pytest.mark.parametrize("gone", ["hugathome_session.due_at", "hugathome_event.session_id"])
async def test_a_database_of_another_version_says_what_to_do(database: str, gone: str) -> None:
    table, column = gone.split(".")
    store = open_store(database)
    await store.sessions.save_session(STORED, expected=0, events=[b"1"])
    engine = sa.create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(sa.text(f"ALTER TABLE {table} RENAME COLUMN {column} TO something_else"))
    engine.dispose()

    with pytest.raises(StoreUnavailable, match="hugathome schema"):
        await store.sessions.save_session(replace(STORED, version=2), expected=1, events=[b"2"])

    await store.aclose()


async def test_a_database_without_tables_says_what_to_do(database: str) -> None:
    engine = sa.create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
    METADATA.drop_all(engine)
    engine.dispose()
    store = open_store(database)
    if database.startswith("sqlite"):
        assert await store.sessions.load_session("hug.s1") is None
    else:
        with pytest.raises(StoreUnavailable, match="hugathome schema"):
            await store.sessions.load_session("hug.s1")
    await store.aclose()


async def test_a_file_of_codes_of_another_version_says_what_to_do(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "clinic.db-codes") as raw:
        raw.execute("CREATE TABLE hugathome_code (kind TEXT, key TEXT, version INTEGER, body TEXT)")
    raw.close()
    codes = open_code_store(f"sqlite:///{tmp_path}/clinic.db")

    with pytest.raises(StoreUnavailable, match="another version: delete it"):
        await codes.load(Challenge, "c1")
