"""The rules of an `AuditStore`: one chain for each organisation, whoever writes at once."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from hugathome.keys import NONCE_BYTES, KeyRing
from hugathome.record.audit import START, Chain, Head, SealedEntry
from hugathome.record.inquiry import verify
from hugathome.record.shelf import SessionStore
from hugathome.testing._check_sessions import session_of
from hugathome.testing._shelf import Shelf, require, unique
from hugathome.testing.conformance import ConformanceFailure

_CONTENDERS = 6
_KEYS = KeyRing(b"a key for tests: nothing is sealed")


def _bodies(count: int) -> list[bytes]:
    plain = [unique().encode() for _ in range(count)]
    return [_KEYS.seal("audit", each, bound_to=(), nonce=bytes(NONCE_BYTES)) for each in plain]


async def _trail(sessions: SessionStore, organisation: str) -> Sequence[SealedEntry]:
    return list(await sessions.load_audit(organisation, after=0, limit=1000))


async def _require_whole(rule: str, sessions: SessionStore, organisation: str, *, length: int) -> None:
    """Raise `ConformanceFailure` unless a trail is whole, of a length, and its head the last entry's."""
    trail = await _trail(sessions, organisation)
    if len(trail) != length:
        raise ConformanceFailure(rule, f"there were {len(trail)} entries where {length} belong")
    if broken := verify(Chain(_KEYS, organisation), trail):
        raise ConformanceFailure(rule, f"entry {broken.position} was {broken.fault}")
    last = Head(position=trail[-1].position, digest=trail[-1].digest) if trail else START
    await require(rule, sessions.load_audit_head(organisation), last)


async def an_audit_entry_is_written_with_its_session(shelf: Shelf, rule: str) -> None:
    """Save with entries, and have saves refused: of these nothing may be left."""
    sessions, organisation = shelf.open().sessions, unique()
    chain, session = Chain(_KEYS, organisation), session_of(organisation)
    await _require_whole(rule, sessions, organisation, length=0)
    for expected, count, has_saved in ((0, 1, True), (0, 1, False), (3, 1, False), (1, 2, True)):
        offered = replace(session, version=expected + 1)
        audit = chain.append(_bodies(count))
        saved = sessions.save_session(offered, expected=expected, events=[b"x"], audit=audit)
        await require(rule, saved, has_saved)
    await _require_whole(rule, sessions, organisation, length=3)


async def an_audit_trail_is_told_as_it_was_written(shelf: Shelf, rule: str) -> None:
    """Append to two organisations in turn, and ask for every page."""
    sessions, organisations = shelf.open().sessions, (unique(), unique())
    bodies = {organisation: _bodies(4) for organisation in organisations}
    for begin in (0, 1, 3):
        for organisation, mine in bodies.items():
            append = Chain(_KEYS, organisation).append(mine[begin : begin * 2 + 1])
            await sessions.append_audit(organisation, append)
    for organisation, mine in bodies.items():
        await _require_whole(rule, sessions, organisation, length=4)
        every = list(enumerate(mine, start=1))
        for after in range(5):
            await require(rule, _page(sessions, organisation, after=after), every[after : after + 2])


async def _page(sessions: SessionStore, organisation: str, *, after: int) -> list[tuple[int, bytes]]:
    entries = await sessions.load_audit(organisation, after=after, limit=2)
    return [(entry.position, entry.body) for entry in entries]


async def an_audit_trail_is_one_chain_whoever_writes(shelf: Shelf, rule: str) -> None:
    """Append from many sides at once, with sessions and without, from the first entry on."""
    organisation = unique()
    stores = [shelf.open().sessions for _ in range(_CONTENDERS)]
    chain = Chain(_KEYS, organisation)

    async def save(sessions: SessionStore) -> bool:
        audit = chain.append(_bodies(2))
        return await sessions.save_session(session_of(organisation), expected=0, events=[b"x"], audit=audit)

    async def refuse(sessions: SessionStore) -> bool:
        await sessions.append_audit(organisation, chain.append(_bodies(1)))
        return True

    saved = await shelf.together([partial(save, store) for store in stores])
    both = [partial(work, store) for store in stores for work in (save, refuse)]
    won = await shelf.together(both)
    length = 2 * sum(saved) + 2 * sum(won[::2]) + sum(won[1::2])
    await _require_whole(rule, stores[0], organisation, length=length)


async def an_audit_trail_outlives_its_store(shelf: Shelf, rule: str) -> None:
    """Close, and open again."""
    organisation = unique()
    await shelf.open().sessions.append_audit(organisation, Chain(_KEYS, organisation).append(_bodies(1)))
    await _require_whole(rule, (await shelf.reopen()).sessions, organisation, length=1)


RULES = (
    an_audit_entry_is_written_with_its_session,
    an_audit_trail_is_told_as_it_was_written,
    an_audit_trail_is_one_chain_whoever_writes,
    an_audit_trail_outlives_its_store,
)
