"""Every log keeps the promises of the seam, and those that processes share are shared."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import aclosing, closing
from datetime import timedelta
from pathlib import Path

import pytest

from hugathome._drive import drive
from hugathome.errors import ConfigurationError, LogTrimmed
from hugathome.logs import MemoryLog, open_log
from hugathome.testing.check_log import check_log

_WRITER = """
import asyncio, sys
from hugathome.logs import open_log

async def write():
    log = open_log(sys.argv[1])
    for number in range(100):
        await log.append("hug.room", f"{sys.argv[2]}/{number}".encode())
    await log.aclose()

asyncio.run(write())
"""


async def test_the_log_in_memory_keeps_every_rule() -> None:
    await check_log(lambda: open_log("memory://"))


async def test_a_room_that_is_only_looked_at_leaves_nothing_behind() -> None:
    log = MemoryLog()

    await log.load("room", 0)
    await log.snapshot("room")
    await log.save_snapshot("room", 1, b"")

    assert log._rooms == {}


async def test_a_log_that_processes_share_keeps_every_rule(log_url: str) -> None:
    await check_log(lambda: open_log(log_url), patience=timedelta(seconds=30))


async def test_two_processes_write_one_order_that_a_third_reads(log_url: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    writers = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", _WRITER, log_url, name, env=environment)
        for name in ("one", "two")
    ]

    log = open_log(log_url)
    async with asyncio.timeout(30), aclosing(log.read("hug.room", 0)) as records:
        rows = [await anext(records) for _ in range(200)]
    codes = [await writer.wait() for writer in writers]
    await log.aclose()

    assert codes == [0, 0]
    assert [offset for offset, _ in rows] == list(range(1, 201))
    for name in ("one", "two"):
        own = [record.decode() for _, record in rows if record.startswith(name.encode())]
        assert own == [f"{name}/{number}" for number in range(100)]


async def test_records_that_a_snapshot_stands_for_are_gone_before_they_are_deleted(tmp_path: Path) -> None:
    log = open_log(f"sqlite:///{tmp_path}/log.db")
    for record in (b"1", b"2", b"3"):
        await log.append("room", record)
    with closing(sqlite3.connect(tmp_path / "log.db")) as raw, raw:
        raw.execute("INSERT INTO hugathome_log_snapshot VALUES ('room', 2, x'00')")

    assert await log.load("room", 2) == [(3, b"3")]
    with pytest.raises(LogTrimmed):
        await log.load("room", 1)
    await log.aclose()


async def test_a_thread_without_a_loop_wakes_readers() -> None:
    log = MemoryLog()

    async with asyncio.timeout(10), aclosing(log.read("room", 0)) as records:
        waiting = asyncio.ensure_future(anext(records))
        await asyncio.sleep(0)
        await asyncio.to_thread(lambda: drive(log.append("room", b"from a thread")))

        assert await waiting == (1, b"from a thread")


def test_a_log_in_memory_refuses_a_second_process(monkeypatch: pytest.MonkeyPatch) -> None:
    log = MemoryLog()
    drive(log.append("room", b"1"))

    monkeypatch.setattr(os, "getpid", lambda: -1)

    with pytest.raises(ConfigurationError, match="one process"):
        drive(log.append("room", b"2"))


@pytest.mark.parametrize(
    "url",
    ["redis://localhost:port", "sqlite://", "sqlite:///:memory:", "mysql://localhost/x", "nonsense", ""],
)
def test_a_url_that_no_log_speaks_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        open_log(url)


def test_opening_a_log_does_no_input_or_output(tmp_path: Path) -> None:
    opener: Callable[[], object] = lambda: open_log(f"sqlite:///{tmp_path}/log.db")  # noqa: E731

    opener()

    assert list(tmp_path.iterdir()) == []
