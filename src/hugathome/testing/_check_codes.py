"""The rules of `hugathome.codes.ChallengeStore`: a budget is spent exactly, and stays spent."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from hugathome.codes import Challenge, ChallengeState, ChallengeStore, ForgettingStore
from hugathome.quotas import DAY, Tally
from hugathome.testing._shelf import Shelf, require, unique
from hugathome.testing.conformance import ConformanceFailure

_CONTENDERS = 8
_ISSUED = datetime(2026, 11, 22, 9, 30, 59, 999_999, tzinfo=UTC)
_LONG_AGO = datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)
"""Before whatever another rule has left behind."""


def _challenge() -> Challenge:
    return Challenge(
        id=unique(),
        organisation="hug",
        purpose="check-in",
        subject="hug.s1/p-1",
        address="c2VhbGVk",
        key_id="0123456789ab",
        digits=6,
        counter=2**40,
        issued_at=_ISSUED,
        expires_at=_ISSUED + timedelta(minutes=10),
        max_attempts=5,
        attempts=1,
        sends=2,
        last_sent_at=_ISSUED + timedelta(microseconds=1),
        version=1,
    )


def _tally() -> Tally:
    return Tally(
        key=unique(), since=datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC), count=3, version=1
    )


async def _kept(codes: ChallengeStore, record: Challenge | Tally) -> Challenge | Tally | None:
    if isinstance(record, Challenge):
        return await codes.load(Challenge, record.key)
    return await codes.load(Tally, record.key)


async def what_was_never_saved_is_not_there(shelf: Shelf, rule: str) -> None:
    """Ask for both kinds."""
    codes = shelf.open().codes
    await require(rule, codes.load(Challenge, unique()), None)
    await require(rule, codes.load(Tally, unique()), None)


async def a_record_is_loaded_as_it_was_saved(shelf: Shelf, rule: str) -> None:
    """Save every kind and state, first and again."""
    codes = shelf.open().codes
    bare = replace(_challenge(), last_sent_at=None)
    in_every_state = (replace(_challenge(), state=state) for state in ChallengeState)
    records: list[Challenge | Tally] = [bare, *in_every_state, _tally()]
    for record in records:
        await require(rule, codes.save(record, expected=0), expected=True)
        await require(rule, _kept(codes, record), record)
        later = replace(record, version=2)
        await require(rule, codes.save(later, expected=1), expected=True)
        await require(rule, _kept(codes, record), later)


async def records_of_two_kinds_do_not_meet(shelf: Shelf, rule: str) -> None:
    """Save both under one key."""
    codes = shelf.open().codes
    challenge = _challenge()
    tally = replace(_tally(), key=challenge.key)
    for record in (challenge, tally):
        await require(rule, codes.save(record, expected=0), expected=True)
    await require(rule, codes.load(Challenge, challenge.key), challenge)
    await require(rule, codes.load(Tally, challenge.key), tally)


async def a_save_over_another_version_is_refused_and_changes_nothing(shelf: Shelf, rule: str) -> None:
    """Offer an older and a newer record under every version but the right one."""
    codes = shelf.open().codes
    for record in (_challenge(), _tally()):
        await require(rule, codes.save(record, expected=1), expected=False)
        await require(rule, _kept(codes, record), None)
        second = replace(record, version=2)
        await codes.save(record, expected=0)
        await codes.save(second, expected=1)
        for expected in (0, 1, 3):
            for offered in (record, replace(record, version=expected + 1)):
                await require(rule, codes.save(offered, expected=expected), expected=False)
                await require(rule, _kept(codes, record), second)


async def of_those_who_save_at_once_one_wins(shelf: Shelf, rule: str) -> None:
    """Race for the first save and for the next ones, each contender through an opening of its own."""
    stores = [shelf.open().codes for _ in range(_CONTENDERS)]
    for record in (_challenge(), _tally()):
        for version in range(3):
            await _race(shelf, rule, stores, replace(record, version=version))


async def _race(shelf: Shelf, rule: str, stores: list[ChallengeStore], base: Challenge | Tally) -> None:
    offers = [_offer(base, number) for number in range(len(stores))]
    calls = [
        partial(store.save, offer, expected=base.version) for store, offer in zip(stores, offers, strict=True)
    ]
    won = [offer for offer, has_won in zip(offers, await shelf.together(calls), strict=True) if has_won]
    if len(won) != 1:
        raise ConformanceFailure(rule, f"{len(won)} of {len(stores)} won")
    for store in stores:
        await require(rule, _kept(store, base), won[0])


def _offer(base: Challenge | Tally, number: int) -> Challenge | Tally:
    if isinstance(base, Tally):
        return replace(base, count=number, version=base.version + 1)
    return replace(base, sends=number, version=base.version + 1)


async def what_was_saved_outlives_its_store(shelf: Shelf, rule: str) -> None:
    """Close, and open again."""
    challenge, tally = _challenge(), _tally()
    codes = shelf.open().codes
    for record in (challenge, tally):
        await codes.save(record, expected=0)
    codes = (await shelf.reopen()).codes
    await require(rule, codes.load(Challenge, challenge.key), challenge)
    await require(rule, codes.load(Tally, tally.key), tally)


async def what_is_over_is_forgotten_and_nothing_else(shelf: Shelf, rule: str) -> None:
    """Forget batch by batch, where the store can: a span that began anew is not over, nor is what is now."""
    codes = shelf.open().codes
    if not isinstance(codes, ForgettingStore):
        return
    over = [_over_at(_LONG_AGO - timedelta(microseconds=n), n) for n in range(1, 6)]
    stays = [_over_at(_LONG_AGO, n) for n in range(2)]
    anew = _over_at(_LONG_AGO - timedelta(hours=1), 0)
    for record in (*over, *stays, anew):
        await codes.save(record, expected=0)
    revived = _over_at(_LONG_AGO + timedelta(hours=1), 0, like=replace(anew, version=2))
    await codes.save(revived, expected=1)
    for expected in (2, 2, 1, 0):
        await require(rule, codes.forget(_LONG_AGO, limit=2), expected)
    for record in over:
        await require(rule, _kept(codes, record), None)
        await require(rule, codes.save(replace(record, version=2), expected=1), expected=False)
    for record in (*stays, revived):
        await require(rule, _kept(codes, record), record)
    await require(rule, codes.forget(_LONG_AGO + timedelta(days=1), limit=9), 3)


def _over_at(at: datetime, number: int, *, like: Challenge | Tally | None = None) -> Challenge | Tally:
    """Return a tally or a challenge, in turn, whose time is over at that instant."""
    record = like or (_challenge() if number % 2 else _tally())
    if isinstance(record, Tally):
        return replace(record, since=at - DAY)
    return replace(record, issued_at=at - timedelta(minutes=10), expires_at=at)


RULES = (
    what_was_never_saved_is_not_there,
    a_record_is_loaded_as_it_was_saved,
    records_of_two_kinds_do_not_meet,
    a_save_over_another_version_is_refused_and_changes_nothing,
    of_those_who_save_at_once_one_wins,
    what_was_saved_outlives_its_store,
    what_is_over_is_forgotten_and_nothing_else,
)
