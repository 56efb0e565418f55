"""What is typed: only the digits of the code are read as it, and what is malformed costs nothing."""

from collections.abc import Iterable
from typing import Final

from hugathome.testing.attacks._ground import Ground
from hugathome.testing.attacks._service import ACCEPTED, REJECTED, Sent

_NOTHING: Final[tuple[object, ...]] = ("", None, "None", "null", 0, "000000", [], {}, False, b"")
_ZEROS_OF_SCRIPTS = (
    "\N{FULLWIDTH DIGIT ZERO}",
    "\N{ARABIC-INDIC DIGIT ZERO}",
    "\N{MATHEMATICAL BOLD DIGIT ZERO}",
)
_SUPERSCRIPTS = str.maketrans("0123456789", "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")
_CIRCLED = str.maketrans("0123456789", "\u24ea\u2460\u2461\u2462\u2463\u2464\u2465\u2466\u2467\u2468")
_SPACES = (" ", "-", "\u00a0", "\u202f", "\u2009", "\u2007")


async def a19_nothing_is_accepted_where_nothing_is_outstanding(ground: Ground) -> None:
    """Answer with what means nothing: before there is a challenge, after its use, after it was locked."""
    target = ground.service()
    used, locked = await target.send(), await target.send()
    await target.answered(used, used.code)
    await target.answered(locked, *[locked.wrong()] * ground.limit)
    for challenge in ("nobody", used, locked):
        outcomes = await target.answered(challenge, *_NOTHING)
        ground.require(not {ACCEPTED, REJECTED} & set(outcomes), "nothing was accepted as a code")


async def a20_another_length_spends_no_attempt(ground: Ground) -> None:
    """Answer with too few digits and with too many."""
    code = (sent := await ground.service().send()).code
    shorter = [code[:length] for length in range(len(code))]
    await _require_malformed(ground, sent, [*shorter, code + "0", "0" + code, code + code, code + " 0"])


async def a21_digits_of_other_scripts_are_none(ground: Ground) -> None:
    """Answer with the code in other digits, and with other ways to write a number."""
    code = (sent := await ground.service().send()).code
    in_scripts = ["".join(chr(ord(zero) + int(digit)) for digit in code) for zero in _ZEROS_OF_SCRIPTS]
    others = [code.translate(_SUPERSCRIPTS), code.translate(_CIRCLED), code[:-1] + in_scripts[0][-1]]
    numbers = [f"{code[:3]}_{code[3:]}", f"+{code}", f"{code}.0", "1e5", "0x1234", f"{code}\u0301", int(code)]
    await _require_malformed(ground, sent, [*in_scripts, *others, *numbers])


async def a22_a_code_is_read_as_people_type_it(ground: Ground) -> None:
    """Answer with the right code, in groups and with space around it."""
    target = ground.service()
    for space in _SPACES:
        sent = await target.send()
        typed = f" {sent.code[:3]}{space}{sent.code[3:]}\r\n"
        outcomes = await target.answered(sent, typed)
        ground.require(outcomes == [ACCEPTED], f"a code with {space!a} in it: {outcomes[0]}")


async def a23_what_is_too_long_spends_no_attempt(ground: Ground) -> None:
    """Answer with a million characters, and with a list of ten thousand codes."""
    sent = await ground.service().send()
    long = ["1" + "\u0301" * 10**6, "1" * 10**6, sent.code + " " * 10**6, [sent.code] * 10**4]
    await _require_malformed(ground, sent, long)


async def a41_many_guesses_in_one_answer_are_none(ground: Ground) -> None:
    """Answer with several codes at once, the right one among them."""
    code, wrong = (sent := await ground.service().send()).code, sent.wrong()
    lists = [[code, wrong], (code,), {code}, {"code": code}, [[code]]]
    texts = [f"{wrong},{code}", f"{wrong}\n{code}", f'["{code}"]', f"{code};{wrong}", f"{code}&code={wrong}"]
    await _require_malformed(ground, sent, [*lists, *texts])


async def _require_malformed(ground: Ground, sent: Sent, answers: Iterable[object]) -> None:
    """Give answers that are none, one more than the budget at least, and then the right one."""
    target = ground.service()
    outcomes = await target.answered(sent, *answers)
    ground.require(len(outcomes) > 0 and not {ACCEPTED, REJECTED} & set(outcomes), f"looked at: {outcomes}")
    guesses = await target.answered(sent, *[sent.wrong()] * (ground.limit - 1), sent.code)
    ground.require(guesses[-1] == ACCEPTED, "an attempt was spent on what is no code")
