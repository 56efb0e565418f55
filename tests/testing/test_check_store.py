"""The conformance check of stores finds what it is there to find."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from hugathome._drive import drive
from hugathome.codes import Challenge, Kept
from hugathome.errors import StoreUnavailable
from hugathome.quotas import Tally
from hugathome.record.audit import START, Append, Head, SealedEntry
from hugathome.record.shelf import Listing, StoredSession
from hugathome.record.transitions import Status
from hugathome.stores import Store, open_store
from hugathome.stores.memory import MemoryCodes, MemorySessions
from hugathome.testing.check_store import check_store
from hugathome.testing.conformance import ConformanceFailure

# --- Codes, with one promise broken by each class ------------------------------------------------


class OverwritesAnything(MemoryCodes):
    async def save(self, record: Challenge | Tally, *, expected: int) -> bool:
        self._records[type(record), record.key] = record
        return True


class SaysNoButDoesIt(MemoryCodes):
    async def save(self, record: Challenge | Tally, *, expected: int) -> bool:
        has_saved = await super().save(record, expected=expected)
        self._records[type(record), record.key] = record
        return has_saved


class SavesWhatIsNewerThanExpected(MemoryCodes):
    async def save(self, record: Challenge | Tally, *, expected: int) -> bool:
        before = self._records.get((type(record), record.key))
        return await super().save(
            record, expected=before.version if before and before.version < expected else expected
        )


class ForgetsTheVersion(MemoryCodes):
    async def load(self, kind: type[Kept], key: str) -> Kept | None:
        kept = await super().load(kind, key)
        return kept if kept is None else replace(kept, version=1)


class RoundsTime(MemoryCodes):
    async def save(self, record: Challenge | Tally, *, expected: int) -> bool:
        if isinstance(record, Challenge):
            record = replace(record, issued_at=record.issued_at.replace(microsecond=0))
        return await super().save(record, expected=expected)


class OneDrawer(MemoryCodes):
    async def save(self, record: Challenge | Tally, *, expected: int) -> bool:
        self._records.pop((Tally if isinstance(record, Challenge) else Challenge, record.key), None)
        return await super().save(record, expected=expected)


class InventsTallies(MemoryCodes):
    async def load(self, kind: type[Kept], key: str) -> Kept | None:
        kept = await super().load(kind, key)
        if kept is None and kind is Tally:
            return kind(key=key, day=datetime(2026, 1, 1).date())  # type: ignore[call-arg]
        return kept


class ChecksAndThenWrites(MemoryCodes):
    """Looks at the version in one step and writes in another: what a plain SELECT and UPDATE do."""

    async def save(self, record: Challenge | Tally, *, expected: int) -> bool:
        before = self._records.get((type(record), record.key))
        await asyncio.sleep(0)
        if (before.version if before else 0) != expected:
            return False
        self._records[type(record), record.key] = record
        return True


class ForgetsOpenOnesToo(MemoryCodes):
    async def forget(self, before: datetime, *, limit: int) -> int:
        return await super().forget(before + timedelta(microseconds=1), limit=limit)


class ForgetsByWhatItOnceWas(MemoryCodes):
    """Keeps the end that a record had when it was first saved."""

    def __init__(self) -> None:
        super().__init__()
        self._ends: dict[tuple[type, str], datetime] = {}

    async def save(self, record: Challenge | Tally, *, expected: int) -> bool:
        self._ends.setdefault((type(record), record.key), record.over_at)
        return await super().save(record, expected=expected)

    async def forget(self, before: datetime, *, limit: int) -> int:
        over = [place for place in self._records if self._ends[place] < before][:limit]
        for place in over:
            del self._records[place]
        return len(over)


class ForgetsAllAtOnce(MemoryCodes):
    async def forget(self, before: datetime, *, limit: int) -> int:
        return await super().forget(before, limit=10**6)


class OnlySaysThatItForgets(MemoryCodes):
    async def forget(self, before: datetime, *, limit: int) -> int:
        over = sum(record.over_at < before for record in self._records.values())
        return min(over, limit)


class Raises(MemoryCodes):
    async def load(self, kind: type[Kept], key: str) -> Kept | None:
        raise StoreUnavailable("away")


@pytest.mark.parametrize(
    ("codes", "rule"),
    [
        (OverwritesAnything(), "a save over another version is refused and changes nothing"),
        (SaysNoButDoesIt(), "a save over another version is refused and changes nothing"),
        (SavesWhatIsNewerThanExpected(), "a save over another version is refused and changes nothing"),
        (ForgetsTheVersion(), "a record is loaded as it was saved"),
        (RoundsTime(), "a record is loaded as it was saved"),
        (OneDrawer(), "records of two kinds do not meet"),
        (InventsTallies(), "what was never saved is not there"),
        (ChecksAndThenWrites(), "of those who save at once one wins"),
        (ForgetsOpenOnesToo(), "what is over is forgotten and nothing else"),
        (ForgetsByWhatItOnceWas(), "what is over is forgotten and nothing else"),
        (ForgetsAllAtOnce(), "what is over is forgotten and nothing else"),
        (OnlySaysThatItForgets(), "what is over is forgotten and nothing else"),
        (Raises(), "what was never saved is not there"),
    ],
    ids=lambda part: type(part).__name__ if isinstance(part, MemoryCodes) else "",
)
async def test_a_broken_code_store_fails_the_rule_that_it_breaks(codes: MemoryCodes, rule: str) -> None:
    store = Store(sessions=MemorySessions(), codes=codes)

    with pytest.raises(ConformanceFailure) as failure:
        await check_store(lambda: store)

    assert failure.value.rule == rule


async def test_a_store_for_codes_alone_is_held_to_the_rules_of_codes() -> None:
    kept, broken = MemoryCodes(), OverwritesAnything()

    await check_store(lambda: kept)
    with pytest.raises(ConformanceFailure) as failure:
        await check_store(lambda: broken)

    assert failure.value.rule == "a save over another version is refused and changes nothing"


class NeverForgets:
    """Has no more than the two methods that a store must have."""

    def __init__(self) -> None:
        self._kept = MemoryCodes()

    async def load(self, kind: type[Kept], key: str) -> Kept | None:
        return await self._kept.load(kind, key)

    async def save(self, record: Challenge | Tally, *, expected: int) -> bool:
        return await self._kept.save(record, expected=expected)


async def test_a_store_that_cannot_forget_keeps_every_rule_that_it_must() -> None:
    kept = NeverForgets()

    await check_store(lambda: kept)


async def test_codes_that_are_lost_with_their_store_fail() -> None:
    with pytest.raises(ConformanceFailure) as failure:
        await check_store(lambda: Store(sessions=MemorySessions(), codes=MemoryCodes()))

    assert failure.value.rule == "of those who save at once one wins"


# --- Sessions ------------------------------------------------------------------------------------


class LosesLookups(MemorySessions):
    async def find_session(self, lookup: str) -> StoredSession | None:
        return None


class KeepsOldLookups(MemorySessions):
    async def save_session(
        self, session: StoredSession, *, expected: int, events: Sequence[bytes], audit: Append | None = None
    ) -> bool:
        before = dict(self._lookups)
        has_saved = await super().save_session(session, expected=expected, events=events, audit=audit)
        self._lookups = {**before, **self._lookups}
        return has_saved


class TakesOthersLookups(MemorySessions):
    async def save_session(
        self, session: StoredSession, *, expected: int, events: Sequence[bytes], audit: Append | None = None
    ) -> bool:
        for lookup in session.lookups:
            self._lookups.pop(lookup, None)
        return await super().save_session(session, expected=expected, events=events, audit=audit)


class TellsBeforeItSaves(MemorySessions):
    async def save_session(
        self, session: StoredSession, *, expected: int, events: Sequence[bytes], audit: Append | None = None
    ) -> bool:
        has_saved = await super().save_session(session, expected=expected, events=events, audit=audit)
        if not has_saved:
            self._events[session.organisation].extend((session.id, event) for event in events)
        return has_saved


class OverwritesSessions(MemorySessions):
    async def save_session(
        self, session: StoredSession, *, expected: int, events: Sequence[bytes], audit: Append | None = None
    ) -> bool:
        before = self._sessions.get(session.id)
        expected = before.version if before else 0
        return await super().save_session(session, expected=expected, events=events, audit=audit)


class NumbersAllTogether(MemorySessions):
    """Counts across organisations: what a serial column does."""

    def __init__(self) -> None:
        super().__init__()
        self._numbered: list[tuple[str, bytes]] = []

    async def save_session(
        self, session: StoredSession, *, expected: int, events: Sequence[bytes], audit: Append | None = None
    ) -> bool:
        has_saved = await super().save_session(session, expected=expected, events=events, audit=audit)
        if has_saved:
            self._numbered += [(session.organisation, body) for body in events]
        return has_saved

    async def load_events(self, organisation: str, *, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        numbered = list(enumerate(self._numbered, start=1))[after:]
        return [(position, body) for position, (owner, body) in numbered if owner == organisation][:limit]


class CountsFromZero(MemorySessions):
    async def load_events(self, organisation: str, *, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        events = await super().load_events(organisation, after=after, limit=limit)
        return [(position - 1, body) for position, body in events]


class KnowsNoLimit(MemorySessions):
    async def load_events(self, organisation: str, *, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        return await super().load_events(organisation, after=after, limit=10**6)


class LeavesGaps(MemorySessions):
    async def load_events(self, organisation: str, *, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        return [
            event
            for event in await super().load_events(organisation, after=after, limit=limit)
            if event[1] != b"b"
        ]


class NothingIsDue(MemorySessions):
    async def due_sessions(self, now: datetime, *, limit: int) -> Sequence[str]:
        return []


class DueInAnyOrder(MemorySessions):
    async def due_sessions(self, now: datetime, *, limit: int) -> Sequence[str]:
        return (await super().due_sessions(now, limit=10**6))[::-1][:limit]


class NeverNext(MemorySessions):
    async def next_due(self) -> datetime | None:
        return None


class ListsTheEndToo(MemorySessions):
    async def list_sessions(self, listing: Listing) -> Sequence[StoredSession]:
        return await super().list_sessions(replace(listing, until=listing.until + timedelta(microseconds=1)))


class ListsAPageTwice(MemorySessions):
    async def list_sessions(self, listing: Listing) -> Sequence[StoredSession]:
        return await super().list_sessions(replace(listing, after=None))


class GoesOnByTheStartAlone(MemorySessions):
    async def list_sessions(self, listing: Listing) -> Sequence[StoredSession]:
        after = listing.after and (listing.after[0], "~")
        return await super().list_sessions(replace(listing, after=after))


class ListsEveryStatus(MemorySessions):
    async def list_sessions(self, listing: Listing) -> Sequence[StoredSession]:
        return await super().list_sessions(replace(listing, statuses=frozenset(Status)))


class ListsWhateverHasOneTag(MemorySessions):
    async def list_sessions(self, listing: Listing) -> Sequence[StoredSession]:
        tags = listing.tags and (frozenset().union(*listing.tags),)
        return await super().list_sessions(replace(listing, tags=tags))


class OrdersTheTaggedByTheirStart(MemorySessions):
    async def tagged_sessions(
        self, tags: Collection[str], *, limit: int, skip: int = 0
    ) -> Sequence[StoredSession]:
        tagged = await super().tagged_sessions(tags, limit=10**6)
        return sorted(tagged, key=lambda each: each.starts_at)[skip : skip + limit]


class PassesNobodyOver(MemorySessions):
    async def tagged_sessions(
        self, tags: Collection[str], *, limit: int, skip: int = 0
    ) -> Sequence[StoredSession]:
        return await super().tagged_sessions(tags, limit=limit)


class CountsWhoeverSharesAPlace(MemorySessions):
    async def count_tagged(self, tags: Collection[str], *, before: tuple[datetime, str]) -> int:
        return await super().count_tagged(tags, before=(before[0], "~"))


class RewritesTheEventsOfAll(MemorySessions):
    async def rewrite_events(self, session_id: str, rewrite: Callable[[bytes], bytes]) -> None:
        for each in list(self._sessions):
            await super().rewrite_events(each, rewrite)


class NumbersTheEventsOfEachSession(MemorySessions):
    async def session_events(self, session_id: str) -> Sequence[tuple[int, bytes]]:
        return list(enumerate((body for _, body in await super().session_events(session_id)), start=1))


class KeepsNoTrail(MemorySessions):
    async def save_session(
        self, session: StoredSession, *, expected: int, events: Sequence[bytes], audit: Append | None = None
    ) -> bool:
        return await super().save_session(session, expected=expected, events=events)


class WritesTheTrailFirst(MemorySessions):
    async def save_session(
        self, session: StoredSession, *, expected: int, events: Sequence[bytes], audit: Append | None = None
    ) -> bool:
        if audit is not None:
            await self.append_audit(session.organisation, audit)
        return await super().save_session(session, expected=expected, events=events)


class LinksEverythingToTheStart(MemorySessions):
    def _head(self, organisation: str) -> Head:
        return START


class KeepsOneTrail(MemorySessions):
    async def append_audit(self, organisation: str, audit: Append) -> None:
        await super().append_audit("", audit)

    async def load_audit(self, organisation: str, *, after: int, limit: int) -> Sequence[SealedEntry]:
        found = await super().load_audit(organisation, after=after, limit=limit)
        return found or await super().load_audit("", after=after, limit=limit)


class TellsTheWholeTrail(MemorySessions):
    async def load_audit(self, organisation: str, *, after: int, limit: int) -> Sequence[SealedEntry]:
        return await super().load_audit(organisation, after=after, limit=10**6)


class RemembersTheFirstHead(MemorySessions):
    async def load_audit_head(self, organisation: str) -> Head:
        return START


class LooksAtTheHeadTooEarly(MemorySessions):
    """Asks for the head, lets others go on, and appends: what a SELECT before the lock does."""

    async def append_audit(self, organisation: str, audit: Append) -> None:
        seen = self._head(organisation)
        await asyncio.sleep(0)
        self._trails[organisation].extend(audit(seen))


class NeverAfterwards(MemorySessions):
    async def after_commit(self, work: Callable[[], Awaitable[None]]) -> None:
        return


@pytest.mark.parametrize(
    ("sessions", "rule"),
    [
        (LosesLookups(), "a session is loaded as it was saved"),
        (KeepsOldLookups(), "a look up that was given up is free"),
        (TakesOthersLookups(), "a look up leads to one session"),
        (TellsBeforeItSaves(), "a refused save changes nothing"),
        (OverwritesSessions(), "a refused save changes nothing"),
        (NumbersAllTogether(), "of those who save at once one wins"),
        (CountsFromZero(), "a refused save changes nothing"),
        (KnowsNoLimit(), "events are numbered from one within an organisation"),
        (LeavesGaps(), "no event appears before an earlier one"),
        (NothingIsDue(), "what is longest overdue comes first"),
        (DueInAnyOrder(), "what is longest overdue comes first"),
        (NeverNext(), "what is longest overdue comes first"),
        (ListsTheEndToo(), "a list goes page by page through a span of time"),
        (ListsAPageTwice(), "a list goes page by page through a span of time"),
        (GoesOnByTheStartAlone(), "a list orders what starts at once by id"),
        (ListsEveryStatus(), "a list has what is asked for and nothing else"),
        (ListsWhateverHasOneTag(), "a list has what is asked for and nothing else"),
        (OrdersTheTaggedByTheirStart(), "a tag orders who has it"),
        (PassesNobodyOver(), "a tag orders who has it"),
        (CountsWhoeverSharesAPlace(), "a tag counts who comes before"),
        (NumbersTheEventsOfEachSession(), "events of one session are told apart"),
        (RewritesTheEventsOfAll(), "events are rewritten where they stand"),
        (KeepsNoTrail(), "an audit entry is written with its session"),
        (WritesTheTrailFirst(), "an audit entry is written with its session"),
        (LinksEverythingToTheStart(), "an audit entry is written with its session"),
        (RemembersTheFirstHead(), "an audit entry is written with its session"),
        (KeepsOneTrail(), "an audit trail is told as it was written"),
        (TellsTheWholeTrail(), "an audit trail is told as it was written"),
        (LooksAtTheHeadTooEarly(), "an audit trail is one chain whoever writes"),
        (NeverAfterwards(), "what follows a commit is done when the call returns"),
    ],
    ids=lambda part: type(part).__name__ if isinstance(part, MemorySessions) else "",
)
async def test_a_broken_session_store_fails_the_rule_that_it_breaks(
    sessions: MemorySessions, rule: str
) -> None:
    store = Store(sessions=sessions, codes=MemoryCodes())

    with pytest.raises(ConformanceFailure) as failure:
        await check_store(lambda: store)

    assert failure.value.rule == rule


# --- Hosts without a loop ------------------------------------------------------------------------


class NeedsALoop(MemoryCodes):
    """Gives other tasks a turn, and has no variant that does without."""

    async def load(self, kind: type[Kept], key: str) -> Kept | None:
        await asyncio.sleep(0)
        return await super().load(kind, key)


async def test_a_store_whose_blocking_variant_waits_for_a_loop_fails() -> None:
    store = Store(sessions=MemorySessions(), codes=NeedsALoop())

    with pytest.raises(ConformanceFailure, match="event loop") as failure:
        await check_store(lambda: store)

    assert failure.value.rule == "a blocking variant never suspends"


def test_without_a_loop_the_blocking_variant_is_checked_alone() -> None:
    store = open_store("memory://")

    drive(check_store(lambda: store))


async def test_a_failure_says_which_rule_and_what_was_there() -> None:
    store = Store(sessions=CountsFromZero(), codes=MemoryCodes())

    with pytest.raises(ConformanceFailure, match=r"changes nothing: there was \[\(0, b'1'\)\]"):
        await check_store(lambda: store)
