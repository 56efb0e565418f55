"""What was written here is not read again, and nothing else is taken for it."""

import json
import os
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest

from hugathome.errors import StoreUnavailable
from hugathome.keys import KeyRing
from hugathome.logs import MemoryLog
from hugathome.protocol.frames import parse_client
from hugathome.protocol.messages import Command
from hugathome.rooms.journal import Journal
from hugathome.rooms.written import Written
from hugathome.signalling import Called, Commanded, Entry, Unread, parse_entry

ROOM = "hug.room"
SDP = (Path(__file__).parents[1] / "corpus/description.sdp").read_text().replace("UFRAG", "Yb2x")
PAIR = {"pc": "c_1", "gen": 1}
WHOM = {"participant": "pat", "reason": " of old "}
SAID: dict[str, Any] = {
    **dict.fromkeys(("admit", "deny", "remove", "return-to-waiting"), WHOM),
    **{kind: {**PAIR, "neg": 1, "sdp": SDP} for kind in ("offer", "answer")},
    **{kind: {"more": [1]} for kind in ("hold", "resume", "leave", "from-tomorrow")},
    "candidate": {**PAIR, "candidates": [{"candidate": "", "sdpMid": "0"}, {"sdpMLineIndex": 1}]},
    "complete": {"outcome": "completed"},
    "media": {**PAIR, "state": "connected", "selectedPair": "host"},
    "modality": {"modality": "phone"},
    "negotiate": PAIR,
    "restart": {**PAIR, "reason": "failed"},
    "sending": {"sound": True, "picture": "screen"},
    "step": {"step": "devices-allowed"},
    "text": {"text": " Grüezi \n"},
}
"""Each command as a device may say it, and one of a later version."""
CALLED = Called(participant="pat", by="dr")


class Tampering:
    """A log that keeps another record than it was given, once it is told to."""

    def __init__(self) -> None:
        self._log = MemoryLog()
        self.read = self._log.read
        self.tampers = False

    async def append(self, room: str, record: bytes) -> None:
        await self._log.append(room, record[:-1] + bytes([record[-1] ^ self.tampers]))


def journal_on(log: object) -> Journal:
    return Journal(log=log, keys=KeyRing(b"k" * 32), randomness=os.urandom)  # type: ignore[arg-type]


async def _followed(log: object) -> tuple[Entry | Unread, Entry | Unread]:
    """Return two entries that are appended while a room is followed: the first before it is."""
    journal = journal_on(log)
    await journal.append(ROOM, CALLED)
    async with aclosing(journal.follow(ROOM)) as following:
        _, before = await anext(following)
        await journal.append(ROOM, CALLED)
        _, while_followed = await anext(following)
    return before, while_followed


async def test_what_was_appended_while_a_room_is_followed_is_handed_on_as_it_is() -> None:
    before, while_followed = await _followed(MemoryLog())

    assert before == while_followed == CALLED
    assert before is not CALLED
    assert while_followed is CALLED


async def test_a_record_that_was_changed_on_its_way_is_refused() -> None:
    log = Tampering()
    journal = journal_on(log)
    await journal.append(ROOM, CALLED)

    async with aclosing(journal.follow(ROOM)) as following:
        await anext(following)
        log.tampers = True
        await journal.append(ROOM, CALLED)

        with pytest.raises(StoreUnavailable):
            await anext(following)


def test_only_the_very_bytes_in_the_very_room_are_taken_and_once() -> None:
    written = Written()

    with written.followed(ROOM):
        written.note(ROOM, b"record", CALLED)

        assert written.take(ROOM, b"recorc") is None
        assert written.take("hug.another", b"record") is None
        assert written.take(ROOM, b"record") is CALLED
        assert written.take(ROOM, b"record") is None


def test_nothing_is_kept_of_a_room_that_nobody_follows() -> None:
    written = Written()

    written.note(ROOM, b"before", CALLED)
    with written.followed(ROOM), written.followed(ROOM):
        written.note(ROOM, b"while", CALLED)
    with written.followed(ROOM):
        assert written.take(ROOM, b"before") is None
        assert written.take(ROOM, b"while") is None


def test_only_so_many_are_kept_that_never_come_back() -> None:
    written = Written()

    with written.followed(ROOM):
        for number in range(300):
            written.note(ROOM, bytes([number % 256, number // 256]), CALLED)

        assert written.take(ROOM, b"\x00\x00") is None
        assert written.take(ROOM, bytes([43, 1])) is CALLED


@pytest.mark.parametrize("kind", SAID)
def test_what_is_handed_on_equals_what_another_worker_reads(kind: str) -> None:
    body: Any = parse_client(json.dumps({"v": 1, "type": kind, "seq": 1, "ack": 3, **SAID[kind]}))
    entry = Commanded(peer="p_1", conn=1, seq=1, body=body, at=datetime.now(UTC))

    read = parse_entry(entry.to_json().encode())

    assert read == entry
    assert repr(read) == repr(entry)
    assert read.to_json() == entry.to_json()


def test_every_command_is_among_them() -> None:
    kinds = {each.model_fields["type"].default for each in get_args(Command)}

    assert kinds == set(SAID) - {"from-tomorrow"}
