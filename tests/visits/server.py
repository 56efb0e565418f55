"""`hugathome serve` in a process of its own, which a test may kill."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from pathlib import Path

from hugathome.testing.robot import PATIENCE

KEY = b"a key that is only ever used in tests"
SOURCE = Path(__file__).parents[2] / "src"
COMMAND = "from hugathome.cli import main; main()"
MODULE = """
import json
from hugathome import HugAtHome
from hugathome.logs import open_log
from hugathome.stores import open_store


class FileSms:
    async def send(self, message):
        with open("sms.jsonl", "a") as outbox:
            outbox.write(json.dumps({{"to": str(message.to), "text": message.text}}) + "\\n")


hug = HugAtHome(
    key={key!r}, store=open_store({database!r}), log=open_log({log!r}), sms=FileSms(),
    site={site!r}, timezone="Europe/Zurich", brand="HUG@home",
)
"""


class Server:
    """`hugathome serve`, in a process of its own."""

    def __init__(self, folder: Path, *, port: int) -> None:
        self._folder = folder
        self._port = port
        self._process: Process | None = None

    async def start(self) -> None:
        """Start it, and return once it answers."""
        options = ["serve", "clinic:hug", "--port", str(self._port)]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            COMMAND,
            *options,
            cwd=self._folder,
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
        )
        async with asyncio.timeout(PATIENCE.total_seconds()):
            while not await self._answers():
                assert self._process.returncode is None, "the server did not start"
                await asyncio.sleep(0.05)

    async def kill(self, number: signal.Signals = signal.SIGKILL) -> int:
        """End it, if nothing else is said as a power cut does; return its exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        return await self._process.wait()

    def pause(self) -> None:
        """Stop it in the middle of whatever it does, as a machine does that is moved."""
        self._signalled(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on where it was."""
        self._signalled(signal.SIGCONT)

    def _signalled(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def aclose(self) -> None:
        """End it if it runs."""
        if self._process is not None and self._process.returncode is None:
            await self.kill()

    @property
    def sent(self) -> int:
        """Return how many messages the process has sent."""
        file = self._folder / "sms.jsonl"
        return len(file.read_text().splitlines()) if file.exists() else 0

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True


def prepared(
    folder: Path, *, port: int, site: str, database: str | None = None, log: str | None = None
) -> Server:
    """Return a server, not yet started, by default on the database `clinic.db` in a folder, with its log."""
    database = database or f"sqlite:///{folder}/clinic.db"
    module = MODULE.format(key=KEY, database=database, log=log or database, site=site)
    (folder / "clinic.py").write_text(module)
    return Server(folder, port=port)
