"""The servers that `signalling.py` compares: each relays what one device of a room says to the other.

All but PeerJS run on the same uvicorn with the same settings. The bare ones do the least that a relay can do:
they read nothing of what they pass on, and keep nothing. A server prints where it listens and, for each
room, what its two devices show to get in; it ends when its input does.

    python -m benchmarks.relays.servers ours 32 memory://
"""

import asyncio
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import redis.asyncio

from hugathome import HugAtHome, Participant
from hugathome.logs import open_log
from hugathome.protocol.wire import Limits
from hugathome.signalling import SignallingLog
from hugathome.sms import OutboxSms
from hugathome.stores import Store, open_store
from hugathome.web.serving import listening, serving

UNHURRIED = Limits(rate=1e6, burst=10**9)
"""How often a device may speak is counted as ever; only nobody is stopped."""
DEVICES = ("dr-rossi", "dr-muller")
Application = Callable[..., Awaitable[None]]
Seats = list[tuple[str, str]]
Served = tuple[Application, Seats]


# --- Ours ----------------------------------------------------------------------------------------


@asynccontextmanager
async def ours(rooms: int, log: str) -> AsyncGenerator[Served]:
    """Give a deployment whose record is in a file and whose log is `log`."""
    with tempfile.TemporaryDirectory() as folder:
        async with deployment(open_store(f"sqlite:///{Path(folder) / 'clinic.db'}"), open_log(log)) as hug:
            sessions = [await planned(hug) for _ in range(rooms)]
            one, other = ([hug.grant(each, whose).token for each in sessions] for whose in DEVICES)
            yield hug.asgi(), list(zip(one, other, strict=True))


def deployment(store: Store, log: SignallingLog) -> HugAtHome:
    """Return one worker's deployment; all have one key."""
    return HugAtHome(
        key=b"a secret of thirty-two bytes, no",
        store=store,
        log=log,
        sms=OutboxSms(),
        site="http://127.0.0.1:1",
        timezone="Europe/Zurich",
        brand="HUG@home",
        limits=UNHURRIED,
    )


async def planned(hug: HugAtHome) -> str:
    """Plan a session in which two need nobody to let them in, and return its id."""
    now = hug.clock.now()
    staff = [Participant(id=each, role="practitioner", name="Dr A. Rossi") for each in DEVICES]
    session = await hug.sessions.plan(
        organisation="hug",
        service="benchmark",
        starts_at=now,
        ends_at=now + timedelta(minutes=30),
        participants=[*staff, Participant(id="p-1", role="patient", name="M. Dupont")],
    )
    return session.id


# --- The least that a relay can do ---------------------------------------------------------------


@asynccontextmanager
async def bare(rooms: int, _log: str) -> AsyncGenerator[Served]:
    """Give an application that hands each text to everybody else in the room."""
    members: dict[str, list[Any]] = defaultdict(list)

    async def relay(scope: Any, receive: Any, send: Any) -> None:
        async for text in _texts(scope, receive, send, members):
            for other in members[scope["path"]]:
                if other is not send:
                    await other({"type": "websocket.send", "text": text})

    yield relay, _paths(rooms)


@asynccontextmanager
async def bare_redis(rooms: int, url: str) -> AsyncGenerator[Served]:
    """Give the same through a stream for each room: XADD, and one reader that waits with XREAD."""

    members: dict[str, list[Any]] = defaultdict(list)
    readers: set[asyncio.Task[None]] = set()

    async def follow(room: str) -> None:
        last: Any = "$"
        async with redis.asyncio.Redis.from_url(url) as waiting:
            while True:
                answer: Any = await waiting.xread({room: last}, block=0)
                for last, fields in answer[0][1]:  # noqa: B007 - where the next answer begins
                    await _hand_out(members[room], fields[b"by"].decode(), fields[b"text"].decode())

    async with redis.asyncio.Redis.from_url(url) as client:

        async def relay(scope: Any, receive: Any, send: Any) -> None:
            room = scope["path"]
            if room not in members:
                readers.add(asyncio.create_task(follow(room)))
            async for text in _texts(scope, receive, send, members):
                await client.xadd(room, {"by": str(id(send)), "text": text})

        yield relay, _paths(rooms)
        await _ended(readers)


@asynccontextmanager
async def bare_postgresql(rooms: int, url: str) -> AsyncGenerator[Served]:
    """Give the same through a table: INSERT and NOTIFY in one statement, and one reader that listens."""
    members: dict[str, list[Any]] = defaultdict(list)
    free: asyncio.Queue[Any] = asyncio.Queue()
    told: list[int] = []
    rung = asyncio.Event()

    async def relay(scope: Any, receive: Any, send: Any) -> None:
        async for text in _texts(scope, receive, send, members):
            connection = await free.get()
            await connection.execute(PUT, (scope["path"], str(id(send)), text))
            free.put_nowait(connection)

    async def listen(connection: Any) -> None:
        async for notify in connection.notifies():
            told.append(int(notify.payload))
            rung.set()

    async def follow(connection: Any) -> None:
        while await rung.wait():
            rung.clear()
            numbers = told.copy()
            told.clear()
            found = await connection.execute(TAKE, (numbers,))
            for room, by, text in await found.fetchall():
                await _hand_out(members[room], by, text)

    async with AsyncExitStack() as stack:
        listener, reader, *writers = [
            await stack.enter_async_context(await psycopg.AsyncConnection.connect(url, autocommit=True))
            for _ in range(10)
        ]
        for each in writers:
            free.put_nowait(each)
        await reader.execute(TABLE)
        await listener.execute("LISTEN relay")
        tasks = {asyncio.create_task(listen(listener)), asyncio.create_task(follow(reader))}
        yield relay, _paths(rooms)
        await _ended(tasks)


TABLE = "CREATE TABLE relay (id bigserial PRIMARY KEY, room text, by text, body text)"
PUT = (
    "WITH put AS (INSERT INTO relay (room, by, body) VALUES (%s, %s, %s) RETURNING id) "
    "SELECT pg_notify('relay', id::text) FROM put"
)
TAKE = "SELECT room, by, body FROM relay WHERE id = ANY(%s) ORDER BY id"


async def _texts(scope: Any, receive: Any, send: Any, members: dict[str, list[Any]]) -> AsyncIterator[str]:
    """Accept a device into its room, and yield what it says."""
    room = members[scope["path"]]
    await receive()
    await send({"type": "websocket.accept"})
    room.append(send)
    while (event := await receive())["type"] == "websocket.receive":
        yield event["text"]
    room.remove(send)


async def _hand_out(room: list[Any], by: str, text: str) -> None:
    for each in room:
        if str(id(each)) != by:
            await each({"type": "websocket.send", "text": text})


async def _ended(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _paths(rooms: int) -> Seats:
    return [(f"/{number}", f"/{number}") for number in range(rooms)]


# --- Socket.IO -----------------------------------------------------------------------------------


@asynccontextmanager
async def socketio(rooms: int, _log: str) -> AsyncGenerator[Served]:
    """Give python-socketio, whose devices enter the room that they name and emit to it."""
    import socketio as library  # only `make proof` has it

    server = library.AsyncServer(async_mode="asgi")

    async def enter(device: str, room: str) -> None:
        await server.enter_room(device, room)

    async def relay(device: str, said: dict[str, str]) -> None:
        await server.emit("relay", said, room=said["room"], skip_sid=device)

    server.on("enter", enter)
    server.on("relay", relay)
    yield library.ASGIApp(server), _paths(rooms)


KINDS = {
    "ours": ours,
    "bare": bare,
    "bare_redis": bare_redis,
    "bare_postgresql": bare_postgresql,
    "socketio": socketio,
}


async def main(kind: str, rooms: str, log: str) -> None:
    """Serve until the input ends."""
    bound = listening()
    async with KINDS[kind](int(rooms), log) as (application, seats), serving(application, bound):
        print(json.dumps({"port": bound.getsockname()[1], "seats": seats}), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
