"""Later, elsewhere, or once more: a code works once, in time, and for what it was sent for."""

from datetime import timedelta
from secrets import token_bytes

from hugathome.errors import HugathomeError
from hugathome.testing.attacks._crowd import Processes, make_and_die
from hugathome.testing.attacks._ground import Ground
from hugathome.testing.attacks._service import ACCEPTED, Sent, Target

_TICK = timedelta(microseconds=1)


async def a11_a_code_works_once(ground: Ground) -> None:
    """Give the right code again, at once and after a restart."""
    target = ground.service()
    sent = await target.send()
    ground.require(await target.answered(sent, sent.code) == [ACCEPTED], "the right code was refused")
    for again in (target, ground.service()):
        outcomes = await again.answered(sent, sent.code, sent.code)
        ground.require(ACCEPTED not in outcomes, "a used code was accepted again")


async def a12_a_code_works_once_whoever_was_killed(ground: Ground) -> None:
    """Kill the process that has accepted a code before anybody hears of it, and give the code again."""
    target = ground.service()
    sent = await target.send()
    if isinstance(ground.strongest, Processes):
        make_and_die(ground.planned(sent, sent.code))
    else:  # what only one process can open dies with it: the reply alone is lost
        await ground.service().answered(sent, sent.code)
    ground.require(await target.answered(sent, sent.code) != [ACCEPTED], "the code was accepted again")


async def a13_a_code_is_accepted_only_before_its_deadline(ground: Ground) -> None:
    """Give the right code around the deadline, and with a clock that was set back or forward."""
    target, begin, life = ground.service(), ground.clock.at, ground.policy.lifetime
    for after in (life - _TICK, life, life + _TICK, timedelta(hours=1), -timedelta(hours=1)):
        ground.clock.at = begin
        sent = await target.send()
        ground.clock.at = begin + after
        outcomes = await target.answered(sent, sent.code)
        is_in_time = timedelta(0) <= after < life
        ground.require((outcomes == [ACCEPTED]) == is_in_time, f"{after} after its issue: {outcomes[0]}")


async def a13_a_clock_that_is_set_back_reopens_nothing(ground: Ground) -> None:
    """Come too late, or ask too late, set the clock back into the life of the code, and come again."""
    target = ground.service()
    one, other = await target.send(), await target.send()
    ground.later(minutes=11)
    outcomes = [*await target.answered(one, one.code), await target.asked_again(other)]
    ground.later(minutes=-5)
    outcomes += [*await target.answered(one, one.code), *await target.answered(other, other.code)]
    ground.require(ACCEPTED not in outcomes, f"told {', '.join(outcomes)}")


async def a14_a_resend_moves_no_deadline(ground: Ground) -> None:
    """Have a code sent again just before its deadline, and give it just after."""
    target, begin = ground.service(), ground.clock.at
    sent = await target.send()
    ground.clock.at = begin + ground.policy.lifetime - timedelta(seconds=10)
    ground.require(await target.asked_again(sent) == ACCEPTED, "a code was not sent again")
    ground.clock.at = begin + ground.policy.lifetime + timedelta(seconds=1)
    ground.require(await target.answered(sent, sent.code) != [ACCEPTED], "a resend prolonged the code")


async def a15_a_code_opens_its_own_challenge_only(ground: Ground) -> None:
    """Give the code of one challenge to another, of the same number and the same subject."""
    target, phone = ground.service(), ground.phone()
    one, other = await target.send(phone), await target.send(phone)
    await _require_apart(ground, target, one, target, other)


async def a16_a_code_is_for_its_own_organisation_and_purpose(ground: Ground) -> None:
    """Give a code to another organisation's challenge, and to one for another purpose."""
    target, phone = ground.service(), ground.phone()
    elsewhere = ground.service(organisation="elsewhere")
    await _require_apart(ground, target, await target.send(phone), elsewhere, await elsewhere.send(phone))
    log_in, sign = await target.send(phone), await target.send(phone, purpose="sign")
    await _require_apart(ground, target, log_in, target, sign)


async def _require_apart(ground: Ground, here: Target, one: Sent, there: Target, other: Sent) -> None:
    """Give either code to the other challenge; two that are the same by chance say nothing."""
    if one.code != other.code:
        outcomes = await there.answered(other, one.code) + await here.answered(one, other.code)
        ground.require(ACCEPTED not in outcomes, "a code opened what it was not sent for")


async def a37_a_code_outlives_a_change_of_keys_while_its_own_is_given(ground: Ground) -> None:
    """Add a new key, use a code of the old one, then drop the old key and try another."""
    old, new = token_bytes(32), token_bytes(32)
    before = ground.service(key=old)
    used, left = await before.send(), await before.send()
    both, after = ground.service(key={"new": new, "old": old}), ground.service(key=new)
    outcomes = await both.answered(used, used.code)
    ground.require(outcomes == [ACCEPTED], "a code was refused while its key was there")
    outcomes = await after.answered(left, left.code)
    outcomes.append(await after.asked_again(left))
    ground.require(ACCEPTED not in outcomes, "a code was accepted without its key")


async def a38_a_weak_key_is_refused(ground: Ground) -> None:
    """Open the service with no key, with an empty one, and with ones that are too short."""
    for key in (None, b"", b"x" * 16, b"x" * 31, {}, {"short": b"x" * 16}):
        is_refused = False
        try:
            ground.service(key=key)
        except HugathomeError:
            is_refused = True
        ground.require(is_refused, f"a key of {len(key or b'')} was taken")
