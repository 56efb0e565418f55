"""Database servers for tests and benchmarks: each as its own user, on a Unix socket, gone afterwards.

None listens on a port, so none is reached by, or reaches, anything else; that also holds where a test has no
network. Without root, or without the package, a server is not to be had, and whoever wants it does without.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any

_INITDB = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
_IS_ROOT = os.geteuid() == 0

HAS_POSTGRESQL = bool(_INITDB) and _IS_ROOT
HAS_REDIS = shutil.which("redis-server") is not None and _IS_ROOT

_PATIENCE_SECONDS = 20


@contextmanager
def postgresql(*, fsync: bool = False) -> Iterator[str]:
    """Start PostgreSQL and return the URL of its first database; with `fsync` a commit is durable."""
    with _folder_of("postgres") as where:
        run = partial(_run_postgresql, where)
        run("initdb", "--auth=trust", "--username=postgres", "--no-sync")
        options = f"-c listen_addresses='' -c fsync={'on' if fsync else 'off'} -k {where}"
        run("pg_ctl", "--wait", "--options", options, "--log", str(where / "log"), "start")
        try:
            yield f"postgresql://postgres@/postgres?host={where}"
        finally:
            run("pg_ctl", "--wait", "--mode=immediate", "stop")


def restart_postgresql(url: str) -> None:
    """Kill the server, without a chance to finish anything, and start it again."""
    where = Path(url.rpartition("host=")[2])
    os.kill(int((where / "data/postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    deadline = monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            _run_postgresql(where, "pg_ctl", "--wait", "--mode=immediate", "restart")
        except subprocess.CalledProcessError:  # its children have not noticed yet, and keep its memory
            if monotonic() > deadline:
                raise
            sleep(0.05)
        else:
            return


def _run_postgresql(where: Path, command: str, *arguments: str) -> None:
    program = [str(_INITDB[-1].with_name(command)), "-D", str(where / "data"), *arguments]
    subprocess.run(program, check=True, **_as("postgres", where))


class RedisServer:
    """One that can be killed and started again; it then begins where it last saved."""

    def __init__(self, where: Path, *, fsync: bool) -> None:
        self._where = where
        self._journal = ("yes", "--appendfsync", "always") if fsync else ("no",)
        self._process = self._started()

    @property
    def url(self) -> str:
        """What a client takes."""
        return f"unix://{self._where}/socket"

    def restart(self) -> None:
        """Kill it, without a chance to save, and start it again."""
        self.kill()
        self._process = self._started()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        (self._where / "socket").unlink()

    def save(self) -> None:
        """Have it write down all that it has now: that is what it begins with if it keeps no journal."""
        import redis

        with redis.Redis.from_url(self.url) as client:
            client.save()

    def _started(self) -> subprocess.Popen[bytes]:
        files = ("--dir", str(self._where), "--save", "", "--appendonly", *self._journal)
        command = ["redis-server", "--port", "0", "--unixsocket", f"{self._where}/socket", *files]
        process = subprocess.Popen(command, **_as("redis", self._where))
        _await_socket(self._where / "socket", process)
        return process


@contextmanager
def redis(*, fsync: bool = False) -> Iterator[RedisServer]:
    """Start Redis; with `fsync` a write is on the disk before it is answered."""
    with _folder_of("redis") as where:
        server = RedisServer(where, fsync=fsync)
        try:
            yield server
        finally:
            server.kill()


def _await_socket(path: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = monotonic() + _PATIENCE_SECONDS
    while not _answers(path):
        if server.poll() is not None or monotonic() > deadline:
            raise RuntimeError("the server did not start")
        sleep(0.01)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


def _as(user: str, where: Path) -> dict[str, Any]:
    """Return what a process is started with to run as `user` and in `where`, and to say nothing."""
    return {"user": user, "group": user, "extra_groups": (), "cwd": where, "stdout": subprocess.DEVNULL}


@contextmanager
def _folder_of(user: str) -> Iterator[Path]:
    where = Path(tempfile.mkdtemp(prefix="hug"))
    shutil.chown(where, user)
    try:
        yield where
    finally:
        shutil.rmtree(where)
