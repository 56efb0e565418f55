"""The journal: what it stores says nothing, and what it reads back says where it stands."""

import os
from contextlib import aclosing

import pytest

from hugathome._drive import drive
from hugathome.errors import LocalProtocolError, StoreUnavailable
from hugathome.keys import KeyRing
from hugathome.logs import MemoryLog
from hugathome.logs._reading import Rows
from hugathome.protocol.wire import Caps
from hugathome.roles import Capability
from hugathome.rooms.journal import Journal
from hugathome.rooms.snapshot import Point
from hugathome.signalling import (
    START,
    Called,
    Detached,
    Entry,
    Joined,
    Opened,
    Recorded,
    RecordedParticipant,
    Room,
)
from hugathome.testing.clock import FakeClock

ROOM = "hug.room"


def journal_on(log: MemoryLog, key: bytes = b"k" * 32) -> Journal:
    return Journal(log=log, keys=KeyRing(key), randomness=os.urandom)


def joined(participant: str, peer: str) -> Joined:
    return Joined(
        jti=peer,
        nonce="n",
        peer=peer,
        participant=participant,
        device=0,
        can=frozenset({Capability.ENTER}),
        caps=Caps(rollback=True),
        token_hash="h",
        link=f"l_{peer}",
        at=FakeClock().now(),
    )


def recorded(*names: str) -> Recorded:
    people = tuple(RecordedParticipant(participant=name, role="patient", name=f"M. {name}") for name in names)
    return Recorded(version=1, status="planned", modality="video", participants=people)


ENTRIES: list[Entry] = [
    Opened(session=ROOM, organisation="hug"),
    recorded("pat"),
    joined("pat", "p_1"),
    Called(participant="pat", by="dr"),
]


async def test_entries_come_back_as_they_were() -> None:
    journal = journal_on(MemoryLog())
    for entry in ENTRIES:
        await journal.append(ROOM, entry)

    loaded = await journal.load(ROOM)
    async with aclosing(journal.follow(ROOM)) as following:
        followed = [await anext(following) for _ in ENTRIES]

    assert [entry for _, entry in loaded] == ENTRIES
    assert followed == loaded
    assert await journal.load(ROOM, after=loaded[1][0]) == loaded[2:]
    assert await journal.load(ROOM, after=loaded[-1][0]) == []


async def test_a_position_is_a_hash_of_all_that_came_before() -> None:
    log, other = MemoryLog(), MemoryLog()
    journal = journal_on(log)
    for entry in ENTRIES:
        await journal.append(ROOM, entry)
    for offset, record in await log.load(ROOM, 0):
        await other.append(ROOM, record if offset != 1 else _resealed())

    positions = [position for position, _ in await journal.load(ROOM)]
    others = [position for position, _ in await journal_on(other).load(ROOM)]

    assert str(START) == "0.000000000000"
    assert [position.offset for position in positions] == [1, 2, 3, 4]
    assert all(str(one) != str(two) for one, two in zip(positions, others, strict=True))


def _resealed() -> bytes:
    log = MemoryLog()
    drive(journal_on(log).append(ROOM, ENTRIES[0]))
    return drive(log.load(ROOM, 0))[0][1]


async def test_nothing_of_an_entry_can_be_read_in_the_log() -> None:
    log = MemoryLog()
    await journal_on(log).append(ROOM, recorded("canary"))

    ((_, record),) = await log.load(ROOM, 0)

    assert b"canary" not in record
    assert b"planned" not in record


@pytest.mark.parametrize("room", ["hug.another", "chuv.room"])
async def test_a_record_opens_in_its_own_room_only(room: str) -> None:
    log = MemoryLog()
    journal = journal_on(log)
    await journal.append(ROOM, ENTRIES[0])
    ((_, record),) = await log.load(ROOM, 0)

    await log.append(room, record)

    with pytest.raises(StoreUnavailable):
        await journal.load(room)


async def test_another_key_opens_nothing() -> None:
    log = MemoryLog()
    await journal_on(log).append(ROOM, ENTRIES[0])

    with pytest.raises(StoreUnavailable):
        await journal_on(log, b"x" * 32).load(ROOM)


async def test_an_entry_of_another_version_is_not_guessed_at() -> None:
    log = MemoryLog()

    class Later(Opened):
        def to_json(self) -> str:
            return '{"kind":"teleported"}'

    await journal_on(log).append(ROOM, Later(session=ROOM, organisation="hug"))

    ((_, entry),) = await journal_on(log).load(ROOM)

    with pytest.raises(LocalProtocolError):
        Room(session=ROOM).after(entry, START)


async def test_whoever_has_joined_is_connected_until_they_have_gone() -> None:
    journal = journal_on(MemoryLog())

    assert not await journal.is_connected(ROOM, "pat")
    for entry in ENTRIES:
        await journal.append(ROOM, entry)
    assert await journal.is_connected(ROOM, "pat")
    assert not await journal.is_connected(ROOM, "dr")
    await journal.append(ROOM, Detached(peer="p_1", conn=1))
    assert not await journal.is_connected(ROOM, "pat")


async def test_a_room_is_open_from_its_first_entry_until_it_is_forgotten() -> None:
    journal = journal_on(MemoryLog())

    assert not await journal.is_open(ROOM)
    await journal.append(ROOM, ENTRIES[0])
    assert await journal.is_open(ROOM)
    assert not await journal.is_open("hug.another")
    await journal.forget(ROOM)
    assert not await journal.is_open(ROOM)


async def stand(journal: Journal) -> Point:
    """Return how the room stands now."""
    (position, room), entries = await journal.replay(ROOM)
    for position, entry in entries:
        room, _ = room.after(entry, position)
    return Point(position, room)


async def test_a_snapshot_stands_for_what_it_replaced() -> None:
    log = MemoryLog()
    journal = journal_on(log)
    for entry in ENTRIES[:3]:
        await journal.append(ROOM, entry)
    before = await stand(journal)

    await journal.save(before)
    kept = await log.load(ROOM, 3)
    (begun, entries), after = await journal.replay(ROOM), await stand(journal)
    await journal.append(ROOM, ENTRIES[3])

    assert (kept, entries) == ([], [])
    assert begun == after == before
    assert (await stand(journal)).position.offset == 4
    assert await journal.is_connected(ROOM, "pat")
    assert await journal.is_open(ROOM)


async def test_a_snapshot_that_is_saved_while_the_log_is_read_is_where_reading_begins() -> None:
    log = MemoryLog()
    journal = journal_on(log)
    for entry in ENTRIES:
        await journal.append(ROOM, entry)
    point = await stand(journal)
    load = log.load

    async def late(room: str, after: int) -> Rows:
        await journal.save(point)
        return await load(room, after)

    log.load = late  # type: ignore[method-assign]

    assert await journal.replay(ROOM) == (point, [])


async def test_a_snapshot_opens_at_its_own_place_only() -> None:
    log, other = MemoryLog(), MemoryLog()
    for each in (log, other):
        for _ in range(2):
            await journal_on(each).append(ROOM, ENTRIES[0])
    await journal_on(log).save(await stand(journal_on(log)))
    saved = await log.snapshot(ROOM)
    assert saved is not None
    assert b"hug.room" not in saved[1]

    await other.save_snapshot(ROOM, 1, saved[1])

    with pytest.raises(StoreUnavailable):
        await journal_on(other).replay(ROOM)


def test_hosts_without_an_event_loop_use_it_too() -> None:
    journal = journal_on(MemoryLog())

    drive(journal.open(ROOM))
    drive(journal.append(ROOM, ENTRIES[1]))

    assert [entry.kind for _, entry in drive(journal.load(ROOM))] == ["opened", "recorded"]
    assert not drive(journal.is_connected(ROOM, "pat"))
