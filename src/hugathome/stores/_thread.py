"""A blocking database behind an event loop: its work is done in one thread, a transaction at a time.

For SQLite, where an asynchronous driver changes threads at every statement: whole transactions take a
third of the time, and writers of this process never wait for a lock that another of them holds.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, final

from hugathome._drive import drive
from hugathome.stores._database import Database, Work

T = TypeVar("T")


@final
class ThreadedDatabase:
    """Runs the work of the blocking variant of `database`; `aclose` ends the thread."""

    def __init__(self, database: Database) -> None:
        self._original = database
        self._database = database.for_blocking()
        self._thread: ThreadPoolExecutor | None = None

    async def run(self, work: Work[T]) -> T:
        """Run `work` in a transaction of its own; once begun, it goes on even if the caller is cancelled."""
        return await self._driven(lambda: self._database.run(work))

    async def read(self, work: Work[T]) -> T:
        """Run `work` in a transaction that takes no write lock."""
        return await self._driven(lambda: self._database.read(work))

    async def after_commit(self, work: Callable[[], Awaitable[None]]) -> None:
        """Await `work` now: each call here has committed before it returns."""
        await work()

    def for_blocking(self) -> Database:
        """Return a variant with connections of its own: closing one does not close the other."""
        return self._original.for_blocking()

    async def aclose(self) -> None:
        """Close the connections and end the thread; the next call starts another one."""
        if self._thread is not None:
            await self._driven(self._database.aclose)
            self._thread.shutdown()
            self._thread = None

    async def _driven(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="hugathome-sqlite")
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: drive(call()))
