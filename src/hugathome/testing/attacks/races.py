"""Many at once: a budget is spent exactly, one answer is accepted, one message goes out."""

from hugathome.testing.attacks._crowd import CALLERS, Crowd
from hugathome.testing.attacks._ground import Ground
from hugathome.testing.attacks._service import ACCEPTED, REJECTED, Target

_GUESSES = 10
"""Wrong codes of each caller."""


async def a01_parallel_guesses_do_not_get_past_the_budget(ground: Ground) -> None:
    """Let tasks and threads guess at once, then give the right code."""
    target = ground.service()
    for crowd in ground.crowds:
        for _ in range(ground.runs):
            evaluated = await _stormed(ground, crowd, target)
            ground.require(evaluated <= ground.limit, f"{evaluated} guesses were looked at")


async def a02_guesses_of_processes_spend_the_budget_exactly(ground: Ground) -> None:
    """Let processes guess at once, then give the right code."""
    target = ground.service()
    for _ in range(ground.runs):
        evaluated = await _stormed(ground, ground.strongest, target)
        ground.require(evaluated == ground.limit, f"{evaluated} guesses were looked at")


async def _stormed(ground: Ground, crowd: Crowd, target: Target) -> int:
    """Guess until nothing is left, and return how many guesses were looked at."""
    sent = await target.send()
    guesses = [
        [sent.wrong(1 + caller * _GUESSES + nth) for nth in range(_GUESSES)] for caller in range(CALLERS)
    ]
    outcomes = await ground.raid(crowd, sent, *guesses)
    ground.require(outcomes[ACCEPTED] == 0, "a wrong code was accepted")
    after = await target.answered(sent, sent.code)
    ground.require(after != [ACCEPTED], "the right code was accepted once the budget was spent")
    return outcomes[REJECTED]


async def a03_of_parallel_right_codes_one_is_accepted(ground: Ground) -> None:
    """Let processes, threads and tasks give the right code once each."""
    target = ground.service()
    for crowd in (*ground.crowds, ground.strongest):
        for _ in range(ground.runs):
            sent = await target.send()
            outcomes = await ground.raid(crowd, sent, *[[sent.code]] * CALLERS)
            ground.require(outcomes[ACCEPTED] == 1, f"{outcomes[ACCEPTED]} were accepted")


async def a04_a_right_code_among_wrong_ones_needs_budget_left(ground: Ground) -> None:
    """Let half of the callers give the right code and half a wrong one."""
    target = ground.service()
    for crowd in (*ground.crowds, ground.strongest):
        for _ in range(ground.runs):
            sent = await target.send()
            outcomes = await ground.raid(crowd, sent, *[[sent.code], [sent.wrong()]] * (CALLERS // 2))
            ground.require(outcomes[ACCEPTED] <= 1, f"{outcomes[ACCEPTED]} were accepted")
            fits = outcomes[REJECTED] + outcomes[ACCEPTED] <= ground.limit
            ground.require(fits, f"{outcomes[REJECTED]} were looked at and rejected, and one was accepted")


async def a06_of_parallel_resends_one_is_sent(ground: Ground) -> None:
    """Ask for the code again from everywhere at once, after its cool-down."""
    target = ground.service()
    for crowd in (*ground.crowds, ground.strongest):
        sent = await target.send()
        ground.later(seconds=ground.policy.cooldowns[0].total_seconds())
        outcomes = await ground.raid(crowd, sent, *[[]] * CALLERS)
        ground.require(outcomes[ACCEPTED] == 1, f"{outcomes[ACCEPTED]} were sent")
        ground.require(await target.asked_again(sent) != ACCEPTED, "the cool-down did not hold")
