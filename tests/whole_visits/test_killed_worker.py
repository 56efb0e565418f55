"""`kill -9` of a worker at every await from the booking of a visit to its end, and until it names nobody.

At once afterwards, and again when another worker has gone on where it was, the record, the events, the
messages and the audit trail tell the same: what was begun is done once or not at all.
"""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.lives import (
    is_in_full,
    refuse_disagreement,
    refuse_gaps,
    refuse_names,
    refuse_uninvited,
    refuse_what_nobody_may,
)
from tests.whole_visits.server import SOURCE
from tests.whole_visits.worker import LEASE_IS_OVER, PLANNED_AT, Life, Provider, Wristwatch, opened

from hugathome import Action, HugAtHome, Session
from hugathome.record.audit import START, Head
from hugathome.record.erasure import is_blank
from hugathome.record.history import DeliveryStatus

ONCE = (
    Action.PLAN,
    Action.ACCEPT,
    Action.INVITE,
    Action.CHECK_IN,
    Action.HOLD,
    Action.RESUME,
    Action.COMPLETE,
)
SHARES = 16
"""In how many tests all awaits are tried, so that none takes long."""
SAMPLE = 37
"""Every so many awaits, where not all are tried: odd, for each call has two."""


class Workers:
    """Processes that are killed, one after another, each at an await of its own."""

    def __init__(self, database: str, folder: Path) -> None:
        self._folder = folder
        root = Path(__file__).parents[2]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.whole_visits.worker", database, str(folder)],
            cwd=root,
            env={**os.environ, "PYTHONPATH": f"{SOURCE}{os.pathsep}{root}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def lives(self, number: int, *, dies_at: int) -> int:
        """Let a worker live until it dies, and return what it ended with."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{number} {dies_at}\n")
        process.stdin.flush()
        return int(process.stdout.readline())

    @property
    def awaits(self) -> int:
        """How many awaits the last worker had that lived to the end."""
        return int((self._folder / "awaits").read_text())

    def close(self) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()


@pytest.fixture
def workers(database: str, tmp_path: Path) -> Iterator[Workers]:
    workers = Workers(database, tmp_path)
    yield workers
    workers.close()


@pytest.fixture
def provider(tmp_path: Path) -> Provider:
    return Provider(tmp_path)


@pytest.fixture
def watch() -> Wristwatch:
    return Wristwatch()


@pytest.fixture
async def hug(database: str, watch: Wristwatch, provider: Provider) -> AsyncIterator[HugAtHome]:
    """Return the worker that goes on."""
    async with opened(database, watch, provider) as hug:
        yield hug


class Since(NamedTuple):
    """How far events and audit trail went before a life began."""

    position: int
    head: Head


@pytest.mark.parametrize("share", range(SHARES if is_in_full() else 1))
async def test_whatever_a_killed_worker_leaves_agrees_and_is_brought_to_its_end(
    workers: Workers, hug: HugAtHome, watch: Wristwatch, provider: Provider, share: int
) -> None:
    assert workers.lives(0, dies_at=0) == 0
    since = await up_to_here(hug, Since(0, START))
    deaths = range(1 + share, workers.awaits + 1, SHARES if is_in_full() else SAMPLE)

    for dies_at in deaths:
        assert workers.lives(dies_at, dies_at=dies_at) == -signal.SIGKILL
        watch.at = PLANNED_AT
        life = Life(hug, watch, provider, number=dies_at)
        left = await agreed(hug, life, provider, since, is_being_erased=True)
        if left is not None:
            watch.at = left.history[-1].at + LEASE_IS_OVER
        await life.live()
        was_ended = left is not None and left.status.is_terminal
        ended = await agreed(hug, life, provider, since, is_being_erased=was_ended)
        assert ended is not None
        refuse_half_a_life(ended, provider.keys(life.patient))
        await life.end_up_forgotten()
        forgotten = await agreed(hug, life, provider, since)
        assert forgotten is not None
        refuse_names(
            forgotten, [event async for event in hug.events(organisation="hug", after=since.position)]
        )
        since = await up_to_here(hug, since)


async def up_to_here(hug: HugAtHome, since: Since) -> Since:
    """Return how far it goes now."""
    events = [event async for event in hug.events(organisation="hug", after=since.position)]
    return Since(since.position + len(events), await hug.audit_head(organisation="hug"))


async def agreed(
    hug: HugAtHome, life: Life, provider: Provider, since: Since, *, is_being_erased: bool = False
) -> Session | None:
    """Return the record, if there is one; fail where events, audit trail or messages tell something else.

    `is_being_erased`: whether its patient may be, once it has ended.
    """
    events = [event async for event in hug.events(organisation="hug", after=since.position)]
    trail = [entry async for entry in hug.audit(organisation="hug", after=since.head.position)]
    await hug.verify_audit(organisation="hug", after=since.head)
    refuse_gaps(events, after=since.position)
    life.session_id = next((event.session for event in events), None)
    session = await life.found()
    if session is None:
        assert (events, trail, provider.keys(life.patient)) == ([], [], [])
        return None
    assert {event.session for event in events} == {entry.session for entry in trail} == {session.id}
    refuse_disagreement(
        session, events, trail, is_being_erased=is_being_erased and session.status.is_terminal
    )
    refuse_what_nobody_may(session)
    refuse_uninvited(session)
    if not is_blank(session):
        refuse_unknown_messages(session, provider.keys(life.patient))
    return session


def refuse_unknown_messages(session: Session, taken: Sequence[str]) -> None:
    """Fail where something went out that the record does not have, or the other way round."""
    attendance = session.of("p-1")
    codes = {key for key in taken if key.count(".") == 2}  # challenge, counter and send
    assert set(taken) - codes <= {f"{message.id}.1" for message in attendance.messages}
    assert not codes or attendance.challenge_id is not None
    sent = {m.id for m in attendance.messages if m.status is DeliveryStatus.SENT}
    assert {f"{id}.1" for id in sent} <= set(taken)


def refuse_half_a_life(session: Session, taken: Sequence[str]) -> None:
    """Fail where something was not done in the end, or twice."""
    done = [change.action for change in session.history]
    assert (session.status, session.outcome) == ("completed", "report")
    assert [action for action in ONCE if done.count(action) != 1] == []
    assert session.room_kept_until is None
    if is_blank(session):
        return  # it died as it erased, and everything had been done by then
    messages = session.of("p-1").messages
    assert [m.kind for m in messages] == ["invitation", "reminder", "reminder"]
    assert all(message.status is DeliveryStatus.SENT for message in messages)
    assert session.reminders == ()
    assert len([key for key in taken if key.count(".") == 1]) == len(messages), "no text went out twice"
