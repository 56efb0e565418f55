"""The page on migrations does what it says: its Alembic and its Django make the tables that a store needs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from hugathome._drive import drive
from hugathome.stores import open_store, schema

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "fold-our-tables-into-your-migrations.md").read_text(encoding="utf-8")
DJANGO = """
import django
from django.conf import settings
from django.core.management import call_command

database = {"ENGINE": "django.db.backends.sqlite3", "NAME": "clinic.db"}
settings.configure(INSTALLED_APPS=["clinic"], DATABASES={"default": database})
django.setup()
call_command("migrate", verbosity=0)
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def run(*command: str, where: Path) -> None:
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{where}"}
    ran = subprocess.run(
        [sys.executable, *command], cwd=where, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


def assert_usable(path: Path) -> None:
    """Find every table in a file, before a store has had a chance to create one."""
    engine = sa.create_engine(f"sqlite:///{path}")
    names = set(sa.inspect(engine).get_table_names())
    engine.dispose()
    assert set(re.findall(r"CREATE TABLE (\w+)", schema("sqlite"))) <= names
    store = open_store(f"sqlite:///{path}").for_blocking()
    assert drive(store.sessions.next_due()) is None
    drive(store.aclose())


@pytest.fixture
def alembic_host(tmp_path: Path) -> Path:
    (configuration,) = blocks("ini")
    environment = next(block for block in blocks("python") if "run_migrations" in block)
    (tmp_path / "migrations" / "versions").mkdir(parents=True)
    (tmp_path / "migrations" / "env.py").write_text(environment)
    (tmp_path / "alembic.ini").write_text(f"{configuration}sqlalchemy.url = sqlite:///clinic.db\n")
    return tmp_path


def test_alembic_finds_our_revisions_where_the_page_says(alembic_host: Path) -> None:
    run("-m", "alembic", "upgrade", "heads", where=alembic_host)

    assert_usable(alembic_host / "clinic.db")
    run("-m", "alembic", "check", where=alembic_host)


def test_django_runs_the_migration_of_the_page(tmp_path: Path) -> None:
    migration = next(block for block in blocks("python") if "RunSQL" in block)
    folder = tmp_path / "clinic" / "migrations"
    folder.mkdir(parents=True)
    for package in (folder, folder.parent):
        (package / "__init__.py").touch()
    (folder / "0001_hugathome.py").write_text(migration)
    (folder / "hugathome.sql").write_text(schema("sqlite"))

    run("-c", DJANGO, where=tmp_path)

    assert_usable(tmp_path / "clinic.db")
