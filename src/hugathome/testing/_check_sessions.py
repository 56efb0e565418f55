"""The rules of `hugathome.session.SessionStore`: all of a save or nothing, and events without a gap."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from typing import Any

from hugathome.record.shelf import Listing, SessionStore, StoredSession
from hugathome.record.transitions import Status
from hugathome.testing._shelf import Shelf, require, unique
from hugathome.testing.conformance import ConformanceFailure

_CONTENDERS = 6
_START = datetime(2026, 11, 22, 9, 30, 0, 1, tzinfo=UTC)
_LONG_AGO = datetime(1970, 1, 2, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


def session_of(
    organisation: str,
    *,
    lookups: Sequence[str] = (),
    tags: Mapping[str, datetime] | None = None,
    minutes: int = 0,
) -> StoredSession:
    """Return a new session of an organisation."""
    return StoredSession(
        id=f"{organisation}.{unique()}",
        organisation=organisation,
        version=1,
        status=Status.PLANNED,
        starts_at=_START + minutes * _MINUTE,
        due_at=None,
        lookups=frozenset(lookups),
        tags=dict(tags or {}),
        body=b"\x00\xff" + unique().encode(),
    )


async def _events(sessions: SessionStore, organisation: str, *, after: int = 0) -> list[tuple[int, bytes]]:
    return [
        (position, body)
        for position, body in await sessions.load_events(organisation, after=after, limit=1000)
    ]


async def what_was_never_saved_is_not_there(shelf: Shelf, rule: str) -> None:
    """Ask every question of an organisation that has nothing."""
    sessions, organisation = shelf.open().sessions, unique()
    await require(rule, sessions.load_session(f"{organisation}.{unique()}"), None)
    await require(rule, sessions.find_session(unique()), None)
    await require(rule, _events(sessions, organisation), [])
    await require(rule, _page(sessions, organisation), [])


async def a_session_is_loaded_as_it_was_saved(shelf: Shelf, rule: str) -> None:
    """Save, change every field that may change, and look it up by each of its look-ups."""
    sessions, organisation = shelf.open().sessions, unique()
    tags = {unique(): _START, unique(): _LONG_AGO}
    first = session_of(organisation, lookups=(unique(), unique()), tags=tags)
    second = replace(
        first,
        version=2,
        status=Status.IN_PROGRESS,
        starts_at=_START + 5 * _MINUTE,
        due_at=_START - timedelta(microseconds=1),
        tags={unique(): _START - _MINUTE},
        body=bytes(range(256)) * 400,
    )
    for session in (first, second, replace(second, version=3, status=Status.COMPLETED, due_at=None)):
        saved = sessions.save_session(session, expected=session.version - 1, events=[])
        await require(rule, saved, expected=True)
        await require(rule, sessions.load_session(session.id), session)
        for lookup in session.lookups:
            await require(rule, sessions.find_session(lookup), session)


async def a_refused_save_changes_nothing(shelf: Shelf, rule: str) -> None:
    """Offer other versions: neither session nor look-up nor event may be left of them."""
    sessions, organisation = shelf.open().sessions, unique()
    kept, wanted = unique(), unique()
    session = session_of(organisation, lookups=[kept])
    await require(rule, sessions.save_session(session, expected=1, events=[b"x"]), expected=False)
    await require(rule, sessions.load_session(session.id), None)
    await sessions.save_session(session, expected=0, events=[b"1"])
    for expected in (0, 2, 3):
        offered = replace(session, version=expected + 1, body=b"offered", lookups=frozenset([wanted]))
        await require(rule, sessions.save_session(offered, expected=expected, events=[b"x"]), expected=False)
        await require(rule, sessions.load_session(session.id), session)
        await require(rule, sessions.find_session(kept), session)
        await require(rule, sessions.find_session(wanted), None)
    await require(rule, _events(sessions, organisation), [(1, b"1")])


async def a_look_up_leads_to_one_session(shelf: Shelf, rule: str) -> None:
    """Offer a taken one, with a new session and with an old one."""
    sessions, organisation = shelf.open().sessions, unique()
    taken, free = unique(), unique()
    owner, other = session_of(organisation, lookups=[taken]), session_of(organisation)
    for session in (owner, other):
        await sessions.save_session(session, expected=0, events=[])
    for expected, rival in ((0, session_of(organisation)), (1, replace(other, version=2))):
        offered = replace(rival, lookups=frozenset([taken, free]), body=b"offered")
        await require(rule, sessions.save_session(offered, expected=expected, events=[b"x"]), expected=False)
        await require(rule, sessions.find_session(taken), owner)
        await require(rule, sessions.find_session(free), None)
    await require(rule, sessions.load_session(other.id), other)
    await require(rule, _events(sessions, organisation), [])


async def a_look_up_that_was_given_up_is_free(shelf: Shelf, rule: str) -> None:
    """Give one up for another, and take it elsewhere."""
    sessions, organisation = shelf.open().sessions, unique()
    kept, gone, new = unique(), unique(), unique()
    session = session_of(organisation, lookups=[kept, gone])
    await sessions.save_session(session, expected=0, events=[])
    moved = replace(session, version=2, lookups=frozenset([kept, new]))
    await require(rule, sessions.save_session(moved, expected=1, events=[]), expected=True)
    await require(rule, sessions.find_session(gone), None)
    for lookup in (kept, new):
        await require(rule, sessions.find_session(lookup), moved)
    heir = session_of(organisation, lookups=[gone])
    await require(rule, sessions.save_session(heir, expected=0, events=[]), expected=True)
    await require(rule, sessions.find_session(gone), heir)


async def of_those_who_save_at_once_one_wins(shelf: Shelf, rule: str) -> None:
    """Race for the first save and for the next ones, each contender through an opening of its own."""
    stores = [shelf.open().sessions for _ in range(_CONTENDERS)]
    organisation = unique()
    base = replace(session_of(organisation), version=0)
    for version in range(3):
        offers = [replace(base, version=version + 1, body=b"%d" % number) for number in range(len(stores))]
        calls = [
            partial(store.save_session, offer, expected=version, events=[offer.body])
            for store, offer in zip(stores, offers, strict=True)
        ]
        won = [offer for offer, has_won in zip(offers, await shelf.together(calls), strict=True) if has_won]
        if len(won) != 1:
            raise ConformanceFailure(rule, f"{len(won)} of {len(stores)} won")
        for store in stores:
            await require(rule, store.load_session(base.id), won[0])
            await require(rule, _events(store, organisation, after=version), [(version + 1, won[0].body)])


async def events_are_numbered_from_one_within_an_organisation(shelf: Shelf, rule: str) -> None:
    """Save several at once, and of two organisations in turn."""
    sessions, organisations = shelf.open().sessions, (unique(), unique())
    mine = {organisation: session_of(organisation) for organisation in organisations}
    for version, news in enumerate(([b"1", b"2"], [], [b"3"], [b"4", b"5", b"6"])):
        for session in mine.values():
            offered = replace(session, version=version + 1)
            await sessions.save_session(offered, expected=version, events=news)
    for organisation in organisations:
        every = [(position, b"%d" % position) for position in range(1, 7)]
        await require(rule, _events(sessions, organisation), every)
        for after in range(8):
            await require(rule, _events(sessions, organisation, after=after), every[after:])
        await require(rule, _limited(sessions, organisation), every[2:4])


async def _limited(sessions: SessionStore, organisation: str) -> list[tuple[int, bytes]]:
    return list(await sessions.load_events(organisation, after=2, limit=2))


async def no_event_appears_before_an_earlier_one(shelf: Shelf, rule: str) -> None:
    """Write from many sides at once; each reads at once whatever can be read by then."""
    organisation = unique()
    stores = [shelf.open().sessions for _ in range(_CONTENDERS)]
    await stores[0].save_session(session_of(organisation), expected=0, events=[b"first"])
    seen: list[list[int]] = []

    async def write(sessions: SessionStore) -> bool:
        has_saved = await sessions.save_session(session_of(organisation), expected=0, events=[b"a", b"b"])
        seen.append([position for position, _ in await _events(sessions, organisation)])
        return has_saved

    won = await shelf.together([partial(write, store) for store in stores * 2])
    seen.append([position for position, _ in await _events(stores[0], organisation)])
    for positions in seen:
        if positions != list(range(1, len(positions) + 1)):
            raise ConformanceFailure(rule, f"somebody read the positions {positions}")
    if len(seen[-1]) != 1 + 2 * sum(won):
        raise ConformanceFailure(rule, f"{sum(won)} saves of two events left {len(seen[-1]) - 1}")


async def what_is_longest_overdue_comes_first(shelf: Shelf, rule: str) -> None:
    """Ask for what is due, now and next; what has nothing due is never told."""
    sessions, organisation = shelf.open().sessions, unique()
    planned = [session_of(organisation) for _ in range(4)]
    dues = (_LONG_AGO + 2 * _MINUTE, _LONG_AGO + _MINUTE, _LONG_AGO + 3 * _MINUTE, None)
    for session, due_at in zip(planned, dues, strict=True):
        await sessions.save_session(replace(session, due_at=due_at), expected=0, events=[])
    order = [planned[1].id, planned[0].id, planned[2].id]
    await require(rule, sessions.next_due(), _LONG_AGO + _MINUTE)
    for minutes, limit, count in ((0, 9, 0), (1, 9, 1), (2, 9, 2), (5, 9, 3), (5, 2, 2)):
        await require(rule, _due(sessions, _LONG_AGO + minutes * _MINUTE, limit), order[:count])
    for session in planned:
        await sessions.save_session(replace(session, version=2), expected=1, events=[])
    await require(rule, _due(sessions, _LONG_AGO + 5 * _MINUTE, 9), [])


async def _due(sessions: SessionStore, now: datetime, limit: int) -> list[str]:
    return list(await sessions.due_sessions(now, limit=limit))


async def a_list_goes_page_by_page_through_a_span_of_time(shelf: Shelf, rule: str) -> None:
    """Ask for every page; the span has its beginning and not its end, and one organisation."""
    sessions, organisation = shelf.open().sessions, unique()
    inside = [session_of(organisation, minutes=minutes) for minutes in (0, 7, 3, 9)]
    outside = [
        session_of(organisation, minutes=-1),
        session_of(organisation, minutes=10),
        session_of(unique()),
    ]
    for session in (*inside, *outside):
        await sessions.save_session(session, expected=0, events=[])
    ids = [session.id for session in sorted(inside, key=lambda each: each.starts_at)]
    await require(rule, _page(sessions, organisation), ids)
    await require(rule, _page(sessions, organisation, limit=3), ids[:3])
    for number, after in enumerate(sorted(inside, key=lambda each: each.starts_at), start=1):
        place = (after.starts_at, after.id)
        await require(rule, _page(sessions, organisation, after=place, limit=2), ids[number : number + 2])


async def a_list_orders_what_starts_at_once_by_id(shelf: Shelf, rule: str) -> None:
    """Page through sessions that all start at the same time."""
    sessions, organisation = shelf.open().sessions, unique()
    together = [session_of(organisation) for _ in range(4)]
    for session in together:
        await sessions.save_session(session, expected=0, events=[])
    ids = sorted(session.id for session in together)
    for number, after in enumerate(ids):
        await require(rule, _page(sessions, organisation, after=(_START, after)), ids[number + 1 :])


async def a_list_has_what_is_asked_for_and_nothing_else(shelf: Shelf, rule: str) -> None:
    """Ask by status, and by tags: a session has one of each set."""
    sessions, organisation = shelf.open().sessions, unique()
    heart, lung, dupont = unique(), unique(), unique()
    first = session_of(organisation, tags={heart: _START, dupont: _START})
    second = replace(session_of(organisation, tags={lung: _START}, minutes=1), status=Status.CANCELLED)
    for session in (first, second):
        await sessions.save_session(session, expected=0, events=[])
    planned, cancelled = frozenset({Status.PLANNED}), frozenset({Status.CANCELLED})
    for asked, found in (
        ({"tags": (frozenset({heart}),)}, [first]),
        ({"tags": (frozenset({heart, lung}),)}, [first, second]),
        ({"tags": (frozenset({heart, lung}), frozenset({dupont}))}, [first]),
        ({"tags": (frozenset({lung}), frozenset({dupont}))}, []),
        ({"statuses": planned}, [first]),
        ({"statuses": planned | cancelled}, [first, second]),
        ({"statuses": planned, "tags": (frozenset({lung}),)}, []),
        ({"statuses": frozenset[Status]()}, []),
    ):
        await require(rule, _page(sessions, organisation, **asked), [session.id for session in found])
    moved = replace(first, version=2, tags={lung: _START})
    await sessions.save_session(moved, expected=1, events=[])
    await require(rule, _page(sessions, organisation, tags=(frozenset({heart}),)), [])


async def a_tag_orders_who_has_it(shelf: Shelf, rule: str) -> None:
    """Ask for all who share one, however late they start; a tag that was given up leads to nobody."""
    sessions, tag, other = shelf.open().sessions, unique(), unique()
    queue = [
        session_of(unique(), tags={tag: _START - n * _MINUTE, unique(): _START}, minutes=n) for n in range(3)
    ]
    elsewhere = session_of(unique(), tags={other: _START - 5 * _MINUTE})
    for session in (*queue, elsewhere):
        await sessions.save_session(session, expected=0, events=[])
    order = [session.id for session in reversed(queue)]
    await require(rule, _tagged(sessions, tag), order)
    await require(rule, _tagged(sessions, tag, limit=2), order[:2])
    await require(rule, _tagged(sessions, tag, limit=1, skip=1), order[1:2])
    await require(rule, _tagged(sessions, tag, skip=3), [])
    await require(rule, _tagged(sessions, tag, other), [elsewhere.id, *order])
    await require(rule, _tagged(sessions), [])
    await sessions.save_session(replace(queue[2], version=2, tags={}), expected=1, events=[])
    await require(rule, _tagged(sessions, tag), order[1:])


async def a_tag_counts_who_comes_before(shelf: Shelf, rule: str) -> None:
    """Count to a place, and among those who share it, to an id."""
    sessions, tag, other = shelf.open().sessions, unique(), unique()
    minutes = (0, 1, 1, 2)
    queue = [session_of(unique(), tags={tag: _START + n * _MINUTE, unique(): _START}) for n in minutes]
    elsewhere = session_of(unique(), tags={other: _START})
    for session in (*queue, elsewhere):
        await sessions.save_session(session, expected=0, events=[])
    order = sorted((session.tags[tag], session.id) for session in queue)
    for number, place in enumerate(order):
        await require(rule, sessions.count_tagged([tag], before=place), number)
    end = (_START + 9 * _MINUTE, "")
    await require(rule, sessions.count_tagged([tag, other], before=end), 5)
    await require(rule, sessions.count_tagged([], before=end), 0)


async def _tagged(sessions: SessionStore, *tags: str, limit: int = 10, skip: int = 0) -> list[str]:
    return [session.id for session in await sessions.tagged_sessions(tags, limit=limit, skip=skip)]


async def _page(sessions: SessionStore, organisation: str, *, limit: int = 10, **asked: Any) -> list[str]:
    until = _START + 10 * _MINUTE
    listing = Listing(organisation=organisation, since=_START, until=until, limit=limit, **asked)
    return [session.id for session in await sessions.list_sessions(listing)]


async def events_of_one_session_are_told_apart(shelf: Shelf, rule: str) -> None:
    """Read those of one session, among those of another."""
    sessions, organisation = shelf.open().sessions, unique()
    mine, other = session_of(organisation), session_of(organisation)
    for version, session in product(range(2), (other, mine)):
        offered = replace(session, version=version + 1)
        await sessions.save_session(offered, expected=version, events=[b"%d" % version, b"x"])
    await require(rule, sessions.session_events(mine.id), [(3, b"0"), (4, b"x"), (7, b"1"), (8, b"x")])
    await require(rule, sessions.session_events(unique()), [])


async def events_are_rewritten_where_they_stand(shelf: Shelf, rule: str) -> None:
    """Rewrite those of one session, among those of another."""
    sessions, organisation = shelf.open().sessions, unique()
    mine, other = session_of(organisation), session_of(organisation)
    for version, session in product(range(2), (mine, other)):
        offered = replace(session, version=version + 1)
        await sessions.save_session(offered, expected=version, events=[b"%d" % version, b"x"])
    await sessions.rewrite_events(mine.id, lambda event: event + b"!")
    bodies = [body for _, body in await _events(sessions, organisation)]
    await require(rule, _events(sessions, organisation), list(enumerate(bodies, start=1)))
    if bodies != [b"0!", b"x!", b"0", b"x", b"1!", b"x!", b"1", b"x"]:
        raise ConformanceFailure(rule, f"the events are {bodies}")


async def what_was_saved_outlives_its_store(shelf: Shelf, rule: str) -> None:
    """Close, and open again."""
    organisation, lookup = unique(), unique()
    session = session_of(organisation, lookups=[lookup])
    await shelf.open().sessions.save_session(session, expected=0, events=[b"1"])
    sessions = (await shelf.reopen()).sessions
    await require(rule, sessions.find_session(lookup), session)
    await require(rule, _events(sessions, organisation), [(1, b"1")])


async def what_follows_a_commit_is_done_when_the_call_returns(shelf: Shelf, rule: str) -> None:
    """Outside any transaction of a host's."""
    sessions, done = shelf.open().sessions, []

    async def work() -> None:
        done.append("done")

    await sessions.save_session(session_of(unique()), expected=0, events=[])
    await sessions.after_commit(work)
    if done != ["done"]:
        raise ConformanceFailure(rule, f"it was done {len(done)} times")


RULES = (
    what_was_never_saved_is_not_there,
    a_session_is_loaded_as_it_was_saved,
    a_refused_save_changes_nothing,
    a_look_up_leads_to_one_session,
    a_look_up_that_was_given_up_is_free,
    of_those_who_save_at_once_one_wins,
    events_are_numbered_from_one_within_an_organisation,
    no_event_appears_before_an_earlier_one,
    what_is_longest_overdue_comes_first,
    a_list_goes_page_by_page_through_a_span_of_time,
    a_list_orders_what_starts_at_once_by_id,
    a_list_has_what_is_asked_for_and_nothing_else,
    a_tag_orders_who_has_it,
    a_tag_counts_who_comes_before,
    events_of_one_session_are_told_apart,
    events_are_rewritten_where_they_stand,
    what_was_saved_outlives_its_store,
    what_follows_a_commit_is_done_when_the_call_returns,
)
