"""What signalling costs: descriptions that go from one device to the other, against the least of a relay.

Every server is a process of its own, and the devices of all are the same kind of client in this one. Of each
pair one device sends a description of 1.5 kB, the other answers with one, and so on: our fold refuses an
offer that is not due. The bare relay reads nothing; ours has every check, seal and acknowledgement on, and
only lets a device speak more often. Servers are measured in turn.

    make build/peerjs/.installed
    PYTHONPATH=. python benchmarks/signalling.py
"""

import asyncio
import json
import os
import statistics
import sys
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple, Self

import psycopg
from benchmarks.relays.devices import Bare, Device, Dialect, Ours, PeerJs, SocketIo
from benchmarks.relays.servers import DEVICES, deployment, planned
from tests import servers

from hugathome import HugAtHome
from hugathome.logs import open_log
from hugathome.stores import open_store, schema
from hugathome.transports.memory import MemoryTransport, memory_pair
from hugathome.web.serving import listening

ROOMS = 32
"""At once, each with one description under way."""
ROUNDS = 7
SECONDS = 2.0
IDLE = 5_000
ENTRIES = 4_000
OPEN = (1, 100, 2_000)
ROOT = Path(__file__).parents[1]
PEERJS = ROOT / "build/peerjs/node_modules/peer/dist/bin/peerjs.js"
PATIENT = ("--concurrent_limit", "100000", "--alive_timeout", "86400000")
"""PeerServer hangs up on whoever has sent no heartbeat for a minute, and a description is none."""
DIALECTS: Mapping[str, type[Dialect]] = {"ours": Ours, "bare": Bare, "socketio": SocketIo, "peerjs": PeerJs}
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = os.sysconf("SC_CLK_TCK")
_AT_ONCE = 50
"""Connections that are opened side by side."""


# --- Servers -------------------------------------------------------------------------------------


class Server(NamedTuple):
    """One that runs; `seats` has what the devices of each room show."""

    kind: str
    pid: int
    port: int
    seats: Sequence[tuple[str, str]]

    @property
    def memory(self) -> int:
        """Return its resident bytes."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE

    @property
    def processor(self) -> float:
        """Return the seconds that it has computed."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK


@asynccontextmanager
async def running(kind: str, rooms: int, *, log: str = "memory://") -> AsyncGenerator[Server]:
    """Start a server with seats for two in each room."""
    script = (sys.executable, "-m", "benchmarks.relays.servers", kind, str(rooms), log)
    process = await asyncio.create_subprocess_exec(
        *(_peer_server() if kind == "peerjs" else script),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
        cwd=ROOT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    told = await process.stdout.readline()
    if kind == "peerjs":
        port = int(told.split(b"port: ")[1].split(b",")[0])
        seats = [(f"/{number}", f"/{number}") for number in range(rooms)]
    else:
        said = json.loads(told)
        port, seats = said["port"], said["seats"]
    silencing = asyncio.create_task(process.stdout.read())  # PeerServer names whoever connects
    try:
        yield Server(kind, process.pid, port, seats)
    finally:
        process.stdin.close()
        if kind == "peerjs":
            process.terminate()
        await process.wait()
        await silencing


def _peer_server() -> tuple[str, ...]:
    if not PEERJS.exists():
        raise SystemExit("PeerJS is not here: make build/peerjs/.installed")
    with listening() as free:
        port = free.getsockname()[1]
    return ("node", str(PEERJS), "--host", "127.0.0.1", "--port", str(port), *PATIENT)


# --- Load ----------------------------------------------------------------------------------------


class Load:
    """Devices in pairs that describe themselves to one another."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.silent: deque[Device] = deque()
        """One device of each room in which nothing is under way: it speaks next."""
        self._devices: list[Device] = []
        self._took: list[float] = []
        self._until = 0.0
        self._under_way = 0
        self._at_rest: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def open(self, rooms: Iterable[int]) -> None:
        """Connect both devices of some rooms."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def both(room: int) -> None:
            async with gate:
                self.silent.append(await self._first_of(room))

        await asyncio.gather(*map(both, rooms))

    async def run(self, seconds: float, *, at_once: int) -> "Relayed":
        """Keep `at_once` descriptions under way, in all rooms by turns, and say how long each took."""
        self._took = []
        began, computed = perf_counter(), self.server.processor
        self._until = began + seconds
        self._at_rest = asyncio.get_running_loop().create_future()
        for _ in range(at_once):
            self._under_way += 1
            self.silent.popleft().describe()
        await self._at_rest
        return Relayed(sorted(self._took), perf_counter() - began, self.server.processor - computed)

    def aclose(self) -> None:
        """Hang up."""
        for device in self._devices:
            device.transport.abort()

    def _described(self, device: Device) -> None:
        now = perf_counter()
        self._took.append(now - device.other.sent_at)
        self.silent.append(device)
        if now < self._until:
            self.silent.popleft().describe()
            return
        self._under_way -= 1
        if not self._under_way:
            self._at_rest.set_result(None)

    def _lost(self) -> None:
        if self._under_way and not self._at_rest.done():
            self._at_rest.set_exception(ConnectionError(f"{self.server.kind} hung up in the middle"))

    async def _first_of(self, room: int) -> Device:
        """Connect both devices of a room, and return the one that speaks first."""
        one, other = [await self._device(room, number) for number in (0, 1)]
        await asyncio.gather(one.ready, other.ready)
        one.other, other.other = other, one
        self._devices += one, other
        return one if one.dialect.is_first else other

    async def _device(self, room: int, number: int) -> Device:
        server = self.server
        dialect = DIALECTS[server.kind.partition("_")[0]]
        seat = server.seats[room][number]
        _, device = await asyncio.get_running_loop().create_connection(
            lambda: Device(dialect(seat, is_first=number == 0), self._described, self._lost),
            "127.0.0.1",
            server.port,
        )
        return device


class Relayed(NamedTuple):
    """What came of one load; every time in seconds."""

    took: Sequence[float]
    seconds: float
    computed: float

    @property
    def rate(self) -> float:
        """Descriptions in a second."""
        return len(self.took) / self.seconds

    def told(self, name: str) -> dict[str, float]:
        """Return its figures by name."""
        return {
            f"{name}_per_second": self.rate,
            f"{name}_p50_ms": 1e3 * self.took[len(self.took) // 2],
            f"{name}_p99_ms": 1e3 * self.took[int(0.99 * len(self.took))],
            f"{name}_processor_us": 1e6 * self.computed / len(self.took),
        }


# --- Figures -------------------------------------------------------------------------------------


async def relaying(
    *kinds: str, rounds: int = ROUNDS, seconds: float = SECONDS, rooms: int = ROOMS, log: str = "memory://"
) -> dict[str, float]:
    """Compare servers under the same load: the median round of each, and ours against each other one."""
    found: dict[str, list[Relayed]] = {kind: [] for kind in kinds}
    async with AsyncExitStack() as stack:
        loads = []
        for kind in kinds:
            loads.append(Load(await stack.enter_async_context(running(kind, rooms, log=log))))
            stack.callback(loads[-1].aclose)
            await loads[-1].open(range(rooms))
        for each in range(rounds + 1):
            for load in loads if each % 2 else loads[::-1]:
                run = await load.run(seconds, at_once=rooms)
                if each:  # the first warms up
                    found[load.server.kind].append(run)
    values: dict[str, float] = {}
    for kind, runs in found.items():
        values |= sorted(runs, key=lambda run: run.rate)[len(runs) // 2].told(kind)
    for kind in kinds[1:]:
        pairs = zip(found["ours"], found[kind], strict=True)
        values[f"{kind}_ratio"] = statistics.median(other.rate / our.rate for our, other in pairs)
    return values


async def idling(*kinds: str, connections: int = IDLE) -> dict[str, float]:
    """Compare what a connection weighs that says nothing, in kilobytes."""
    values: dict[str, float] = {}
    for kind in kinds:
        async with running(kind, connections // 2 + 1) as server:
            load = Load(server)
            await load.open([0])
            empty = server.memory
            await load.open(range(1, len(server.seats)))
            values[f"{kind}_idle_connections"] = 2 * len(load.silent) - 2
            values[f"{kind}_idle_kb"] = (server.memory - empty) / connections / 1024
            load.aclose()
    return values | {"idle_ratio": values["ours_idle_kb"] / values["bare_idle_kb"]}


async def among_rooms(*, rooms: Sequence[int] = OPEN, seconds: float = SECONDS) -> dict[str, float]:
    """Relay one description at a time, in all open rooms by turns."""
    values: dict[str, float] = {}
    async with running("ours", max(rooms)) as server:
        load = Load(server)
        for count in rooms:
            await load.open(range(len(load.silent), count))
            await load.run(seconds / 4, at_once=1)
            values |= (await load.run(seconds, at_once=1)).told(f"{count}_rooms")
        load.aclose()
    first, *_, last = rooms

    def growth(of: str) -> float:
        return values[f"{last}_rooms_{of}"] / values[f"{first}_rooms_{of}"]

    return values | {"rooms_ratio": growth("p50_ms"), "rooms_processor_ratio": growth("processor_us")}


async def through_logs(*, rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, float]:
    """Compare the relay through a server's log with the bare one through the same server, synced both."""
    values: dict[str, float] = {}
    with servers.postgresql(fsync=True) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(schema("postgresql").encode())
        values |= await _through("postgresql", url, rounds=rounds, seconds=seconds)
    with servers.redis() as server:
        values |= await _through("redis", server.url, rounds=rounds, seconds=seconds)
    return values


async def _through(name: str, url: str, *, rounds: int, seconds: float) -> dict[str, float]:
    found = await relaying("ours", f"bare_{name}", rounds=rounds, seconds=seconds, log=url)
    return {key.replace("ours", f"ours_{name}"): value for key, value in found.items()}


async def resuming(*, entries: int = ENTRIES, rounds: int = ROUNDS) -> dict[str, float]:
    """Resume in a room with that many entries: where it is served already, and on a worker that starts."""
    store, log = open_store("memory://"), open_log("memory://")
    warm = deployment(store, log)
    session = await planned(warm)
    device = await _Resuming.arrived(warm, warm.grant(session, DEVICES[0]).token)
    await device.say(entries)
    took: dict[str, list[float]] = {"warm": [], "cold": []}
    for _ in range(rounds):
        took["warm"].append(await device.resumed(warm))
        took["cold"].append(await device.resumed(deployment(store, log)))
    await device.aclose()
    await warm.aclose()
    return {f"resume_{name}_ms": 1e3 * statistics.median(each) for name, each in took.items()}


class _Resuming:
    """A device over a pipe in memory that goes away and comes back."""

    def __init__(self, transport: MemoryTransport, serving: asyncio.Task[None], welcome: Any) -> None:
        self._transport, self._serving = transport, serving
        self._welcome = welcome

    @classmethod
    async def arrived(cls, hug: HugAtHome, grant: str) -> Self:
        """Come in on a grant."""
        return cls(*await cls._greeted(hug, {"grant": grant}))

    async def say(self, texts: int) -> None:
        """Say as many texts, and wait until each has come back."""
        for seq in range(1, texts + 1):
            await self._transport.send(f'{{"v":1,"type":"text","seq":{seq},"text":"Good morning"}}')
            while (heard := json.loads(await self._transport.receive()))["type"] != "text":
                pass
            self._welcome["pos"] = heard["pos"]

    async def resumed(self, hug: HugAtHome) -> float:
        """Come back to a worker, and return the seconds until its welcome."""
        await self.aclose()
        known = {"session": self._welcome["session"]["id"], "peer": self._welcome["peer"]}
        resume = {**known, "pos": self._welcome["pos"], "token": self._welcome["token"]}
        began = perf_counter()
        self._transport, self._serving, self._welcome = await self._greeted(hug, {"resume": resume})
        took = perf_counter() - began
        if not self._welcome["recovered"]:
            raise RuntimeError("what came since was not told")
        return took

    async def aclose(self) -> None:
        """Go away."""
        await self._transport.aclose()
        await self._serving

    @staticmethod
    async def _greeted(
        hug: HugAtHome, way: Mapping[str, Any]
    ) -> tuple[MemoryTransport, asyncio.Task[None], Any]:
        here, there = memory_pair(capacity=64)
        serving = asyncio.create_task(hug.serve(there))
        await here.send(json.dumps({"v": 1, "type": "hello", "nonce": "n", **way}))
        return here, serving, json.loads(await here.receive())


async def _measured() -> dict[str, float]:
    values = await relaying("ours", "bare", "socketio", "peerjs")
    values |= await idling("ours", "bare", "socketio", "peerjs")
    values |= await among_rooms()
    return values | await resuming() | await through_logs()


def measure() -> dict[str, float]:
    """Return every figure."""
    return asyncio.run(_measured())


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
