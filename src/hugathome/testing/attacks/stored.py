"""The store: what is changed, put back or lost there lets nobody in. These need the store itself."""

import asyncio
from dataclasses import asdict, replace
from secrets import token_bytes
from typing import Any, Final

from hugathome.codes import Challenge, ChallengeStore
from hugathome.testing.attacks._faults import Counting, Fault, Hostile
from hugathome.testing.attacks._ground import Ground
from hugathome.testing.attacks._service import ACCEPTED, REJECTED, Sent

_CONTENDERS: Final = 64


async def a17_a_row_that_was_tampered_with_takes_no_old_code(ground: Ground) -> None:
    """Change each thing that a code is made of, and give the code of before."""
    target, store = ground.service(), ground.store()
    others = await _kept(store, await target.send())
    for change in (
        {"address": others.address},
        {"subject": "u-2"},
        {"counter": 1},
        {"purpose": "sign"},
        {"organisation": "elsewhere"},
        {"key_id": "0" * 12},
    ):
        sent = await target.send()
        await _overwrite(store, await _kept(store, sent), change)
        outcomes = await target.answered(sent, sent.code)
        ground.require(ACCEPTED not in outcomes, f"after a change of {', '.join(change)} a code was accepted")


async def a18_an_older_row_does_not_come_back(ground: Ground) -> None:
    """Save a challenge as it was before its code was used, as a late writer would."""
    target, store = ground.service(), ground.store()
    sent = await target.send()
    before = await _kept(store, sent)
    await target.answered(sent, sent.code)
    for expected in (0, before.version - 1, before.version):
        ground.require(not await store.save(before, expected=expected), "an older row replaced a newer one")
    ground.require(await target.answered(sent, sent.code) != [ACCEPTED], "a used code was accepted again")


async def a26_rows_under_two_keys_tell_nothing_apart(ground: Ground) -> None:
    """Send under two keys, to one number, and compare what was stored."""
    store, phone = ground.store(), ground.phone()
    rows = []
    for key in (token_bytes(32), token_bytes(32)):
        sent = await ground.service(key=key).send(phone)
        rows.append(asdict(await _kept(store, sent)))
    one, other = rows
    differing = {field for field in one if one[field] != other[field]}
    ground.require(differing <= {"id", "address", "key_id"}, f"{', '.join(differing)} differ")


async def a39_a_store_that_fails_accepts_nobody(ground: Ground) -> None:
    """Let the store fail in each way while a right code and wrong ones are given."""
    for fault in Fault:
        hostile = Hostile(ground.store())
        target = ground.service(over=hostile)
        right, wrong = await target.send(), await target.send()
        await target.answered(right, right.wrong())  # so that a stale row is an older one
        hostile.fault = fault
        outcomes = await target.answered(right, right.code)
        ground.require(ACCEPTED not in outcomes, f"a store that {fault} had a code accepted")
        outcomes = await target.answered(wrong, *[wrong.wrong()] * (2 * ground.limit))
        ground.require(outcomes.count(REJECTED) <= ground.limit, f"a store that {fault} refilled a budget")


async def a40_each_of_many_callers_is_answered_after_few_tries(ground: Ground) -> None:
    """Let 64 tasks guess at once, and count how often each loads the challenge."""
    store = Counting(ground.store())
    target = ground.service(over=store)
    sent = await target.send()
    store.loads.clear()
    async with asyncio.TaskGroup() as group:
        for nth in range(_CONTENDERS):
            group.create_task(target.answered(sent, sent.wrong(nth + 1)), name=str(nth))
    most = max(store.loads.values(), default=0)
    ground.require(most <= ground.limit + ground.policy.max_sends + 1, f"{most} tries")


async def _kept(store: ChallengeStore, sent: Sent) -> Challenge:
    kept = await store.load(Challenge, sent.challenge_id)
    if kept is None:
        raise LookupError("the store does not have what the service has sent")
    return kept


async def _overwrite(store: ChallengeStore, before: Challenge, change: dict[str, Any]) -> None:
    await store.save(replace(before, **change, version=before.version + 1), expected=before.version)
