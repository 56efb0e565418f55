"""Database servers for tests and benchmarks: each as its own user, on a Unix socket, gone afterwards.

PgBouncer stands before PostgreSQL as in hospitals. None listens on a port that is used, so none is reached
by, or reaches, anything else; that also holds where a test has no network. Without root, or without the
package, a server is not to be had, and whoever wants it does without.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any

_INITDB = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
_IS_ROOT = os.geteuid() == 0

HAS_POSTGRESQL = bool(_INITDB) and _IS_ROOT
HAS_PGBOUNCER = HAS_POSTGRESQL and shutil.which("pgbouncer", path="/usr/sbin:/usr/bin") is not None
HAS_REDIS = shutil.which("redis-server") is not None and _IS_ROOT

_PATIENCE_SECONDS = 20
_IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where Redis saves what need not be durable: each save ends with an fsync, and clients wait five seconds."""
_POOLER_PORT = 6432
"""No port is opened: the socket's file is named after it."""


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


_POOLING = """
[databases]
postgres = host={server} user=postgres
[pgbouncer]
listen_addr =
unix_socket_dir = {here}
auth_type = any
pool_mode = transaction
default_pool_size = {size}
logfile = {here}/log
"""


@contextmanager
def pgbouncer(url: str, *, size: int) -> Iterator[str]:
    """Stand before PostgreSQL with so many connections to it, each lent out for one transaction at a time."""
    with _folder_of("postgres") as where:
        settings = where / "pgbouncer.ini"
        settings.write_text(_POOLING.format(server=url.rpartition("host=")[2], here=where, size=size))
        command = ["/usr/sbin/pgbouncer", "--quiet", str(settings)]
        with subprocess.Popen(command, **_as("postgres", where), stderr=subprocess.DEVNULL) as process:
            try:
                _await_socket(where / f".s.PGSQL.{_POOLER_PORT}", process)
                yield f"postgresql://postgres@/postgres?host={where}&port={_POOLER_PORT}"
            finally:
                process.kill()


class RedisServer:
    """One that can be killed and started again; it then begins where it last saved."""

    def __init__(self, where: Path, *, fsync: bool, options: Sequence[str] = ()) -> None:
        self._where = where
        self._options = options
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
        places = ("--port", "0", "--unixsocket", f"{self._where}/socket")
        command = ["redis-server", *places, *files, *self._options]
        process = subprocess.Popen(command, **_as("redis", self._where))
        _await_socket(self._where / "socket", process, is_ready=_pongs)
        return process


@contextmanager
def redis(*, fsync: bool = False) -> Iterator[RedisServer]:
    """Start Redis; with `fsync` a write is on the disk before it is answered."""
    with _folder_of("redis", beneath=None if fsync else _IN_MEMORY) as where:
        server = RedisServer(where, fsync=fsync)
        try:
            yield server
        finally:
            server.kill()


@contextmanager
def redis_in_cluster() -> Iterator[RedisServer]:
    """Start Redis as a node of a cluster that has no slot yet; the other one, `ELSEWHERE`, is not there.

    The port at which it would hear from that one is the only one that is open here, on loopback.
    """
    with socket.create_server(("127.0.0.1", 0)) as bound:
        bus = bound.getsockname()[1]
    nodes = _NODES.format(here="1" * len(ELSEWHERE), bus=bus, elsewhere=ELSEWHERE)
    options = ("--cluster-enabled", "yes", "--cluster-port", str(bus), "--bind", "127.0.0.1")
    with _folder_of("redis", beneath=_IN_MEMORY) as where:
        (where / "nodes.conf").write_text(nodes)
        shutil.chown(where / "nodes.conf", "redis")
        server = RedisServer(where, fsync=False, options=(*options, "--cluster-node-timeout", "60000"))
        try:
            yield server
        finally:
            server.kill()


ELSEWHERE = "2" * 40
_NODES = """\
{here} 127.0.0.1:1@{bus} myself,master - 0 0 1 connected
{elsewhere} 127.0.0.1:1@1 master - 0 0 2 connected
vars currentEpoch 2 lastVoteEpoch 0
"""


def _await_socket(
    path: Path,
    server: subprocess.Popen[bytes],
    *,
    is_ready: Callable[[socket.socket], bool] = lambda _: True,
) -> None:
    deadline = monotonic() + _PATIENCE_SECONDS
    while not _answers(path, is_ready):
        if server.poll() is not None or monotonic() > deadline:
            raise RuntimeError("the server did not start")
        sleep(0.01)


def _answers(path: Path, is_ready: Callable[[socket.socket], bool]) -> bool:
    with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
        client.settimeout(_PATIENCE_SECONDS)
        client.connect(str(path))
        return is_ready(client)
    return False


def _pongs(client: socket.socket) -> bool:
    """Whether Redis serves: it takes connections before it has loaded what it saved."""
    client.sendall(b"PING\r\n")
    return client.recv(7) == b"+PONG\r\n"


def _as(user: str, where: Path) -> dict[str, Any]:
    """Return what a process is started with to run as `user` and in `where`, and to say nothing."""
    return {"user": user, "group": user, "extra_groups": (), "cwd": where, "stdout": subprocess.DEVNULL}


@contextmanager
def _folder_of(user: str, *, beneath: str | None = None) -> Iterator[Path]:
    where = Path(tempfile.mkdtemp(prefix="hug", dir=beneath))
    shutil.chown(where, user)
    try:
        yield where
    finally:
        shutil.rmtree(where)
