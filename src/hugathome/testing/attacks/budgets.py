"""One after another: nothing that an attacker may ask for refills a budget, nor empties somebody else's."""

from hugathome.policy import CodePolicy
from hugathome.testing.attacks._ground import Ground
from hugathome.testing.attacks._service import ACCEPTED, REJECTED, Sent, Target
from hugathome.testing.attacks.messages import spellings

_LETTERS_OF_64_BITS = 11


async def a05_a_resend_refills_nothing(ground: Ground) -> None:
    """Guess until one guess is left, have the code sent again, and guess on."""
    target = ground.service()
    sent = await target.send()
    outcomes = await target.answered(sent, *[sent.wrong()] * (ground.limit - 1))
    ground.later(minutes=1)
    ground.require(await target.asked_again(sent) == ACCEPTED, "after its cool-down nothing was sent")
    ground.require(target.read() == sent.code, "the code that was sent again is another")
    outcomes += await target.answered(sent, *[sent.wrong()] * ground.limit, sent.code)
    evaluated = outcomes.count(REJECTED)
    ground.require(evaluated <= ground.limit, f"{evaluated} guesses were looked at")
    ground.require(ACCEPTED not in outcomes, "the right code was accepted after that")


async def a07_issuing_anew_meets_the_cap_of_the_day(ground: Ground) -> None:
    """Ask for code after code for one number and guess at each, in turn and then with all of them open."""
    target, most = ground.service(policy=_without_caps_on_sends(ground)), ground.policy.failures_per_day
    phone, evaluated = ground.phone(), 0
    for _ in range(most):
        if sent := await target.asked(phone):
            evaluated += await _looked_at(target, sent, ground.limit)
    ground.require(evaluated <= most, f"{evaluated} guesses were looked at in a day")

    phone = ground.phone()
    challenges = [await target.send(phone) for _ in range(most)]
    evaluated = sum([await _looked_at(target, sent, ground.limit) for sent in challenges])
    ground.require(evaluated <= most + len(challenges), f"{evaluated} guesses were looked at in a day")


def _without_caps_on_sends(ground: Ground) -> CodePolicy:
    return ground.policy.model_copy(update={"sends_per_hour": 1000, "sends_per_day": 1000})


async def _looked_at(target: Target, sent: Sent, guesses: int) -> int:
    return (await target.answered(sent, *[sent.wrong()] * guesses)).count(REJECTED)


async def a08_answers_without_a_challenge_are_not_looked_at(ground: Ground) -> None:
    """Guess at ids that nobody was given."""
    target = ground.service()
    for challenge_id in ("nobody", "", "0" * 22):
        outcomes = await target.answered(challenge_id, *(f"{guess:06}" for guess in range(50)))
        ground.require(not {ACCEPTED, REJECTED} & set(outcomes), "a guess at nothing was looked at")


async def a09_nothing_that_a_caller_can_vary_gives_further_guesses(ground: Ground) -> None:
    """Ask for the codes of one number as other people, for other purposes and in other spellings."""
    target, phone = ground.service(policy=_without_caps_on_sends(ground)), ground.phone()
    evaluated = 0
    for nth, spelling in enumerate(spellings(phone)):
        if sent := await target.asked(spelling, subject=f"u-{nth}", purpose=f"purpose-{nth}"):
            evaluated += await _looked_at(target, sent, ground.limit)
    most = ground.policy.failures_per_day
    ground.require(evaluated <= most, f"{evaluated} guesses were looked at in a day")


async def a10_success_elsewhere_changes_nothing_here(ground: Ground) -> None:
    """Spend almost everything on one challenge, succeed at another of the same number, and guess on."""
    target, phone = ground.service(), ground.phone()
    here, elsewhere = await target.send(phone), await target.send(phone)
    evaluated = await _looked_at(target, here, ground.limit - 1)
    outcomes = await target.answered(elsewhere, elsewhere.code)
    ground.require(outcomes == [ACCEPTED], "the right code was refused")
    evaluated += await _looked_at(target, here, ground.limit)
    ground.require(evaluated == ground.limit, f"{evaluated} guesses were looked at")


async def a42_nobody_is_locked_out_by_who_has_not_the_id(ground: Ground) -> None:
    """Burn a budget with everything but the id; lock a challenge, and ask for another."""
    target, phone = ground.service(), ground.phone()
    sent = await target.send(phone)
    near = sent.challenge_id[:-1] + ("A" if sent.challenge_id[-1] != "A" else "Q")
    for guessed in (near, sent.challenge_id[:-1], sent.phone, "u-1"):
        await target.answered(guessed, *[sent.wrong()] * ground.limit)
    ground.require(await target.answered(sent, sent.code) == [ACCEPTED], "the patient was locked out")
    ground.require(len(sent.challenge_id) >= _LETTERS_OF_64_BITS, "an id can be guessed")

    locked = await target.send(phone)
    await target.answered(locked, *[locked.wrong()] * ground.limit)
    again = await target.send(phone)
    outcomes = await target.answered(again, again.code)
    ground.require(outcomes == [ACCEPTED], "a locked challenge stayed in the way")
