"""Messages: how many go out, to whom none does, and what a gateway that fails may cost."""

from collections.abc import Iterable
from typing import Final

from hugathome.testing.attacks._faults import Refusing
from hugathome.testing.attacks._ground import Ground
from hugathome.testing.attacks._service import ACCEPTED

_NO_NUMBERS = (
    *("{number};ext=1", "{number} x99", "{number},,123#", "{number}#", "+41 79 ABC DEFG"),
    *("117", "144", "112", "15", "+41117", "98765"),
)
_COSTLY = {
    "premium rate": ("+41900123456", "+41901123456", "+33899123456"),
    "shared cost": ("+41848123456", "+41844123456"),
    "a company": ("+41581234567", "+41511234567"),
    "a pager": ("+41740123456",),
    "voicemail": ("+41860791234567",),
    "premium rate, of no country": ("+979123456789",),
    "a network of no country": ("+883510012345678", "+881612345678"),
    "Jamaica": ("+18764123456",),
}
_SPELLINGS: Final = (
    "{number}",
    " {number}\n",
    "00{digits}",
    "tel:{number}",
    "TEL:{number}",
    "+{country} (0){rest}",
    "+{country} {grouped}",
    "+{country}-{dashed}",
    "+{country}.{dotted}",
    "+{country}/{rest}",
    "\N{FULLWIDTH PLUS SIGN}{fullwidth}",
    "+{arabic}",
    "\N{LEFT-TO-RIGHT MARK}{number}\N{POP DIRECTIONAL FORMATTING}",
    "+{country}\N{SOFT HYPHEN}{rest}\N{ZERO WIDTH SPACE}",
)


def spellings(number: str) -> list[str]:
    """Write a Swiss number in E.164 in fourteen ways that people and copying machines write it."""
    digits, country, rest = number[1:], number[1:3], number[3:]
    parts = (rest[:2], rest[2:5], rest[5:7], rest[7:])
    return [
        form.format(
            number=number,
            digits=digits,
            country=country,
            rest=rest,
            grouped=" ".join(parts),
            dashed="-".join(parts),
            dotted=".".join(parts),
            fullwidth=_in_script(digits, "\N{FULLWIDTH DIGIT ZERO}"),
            arabic=_in_script(digits, "\N{ARABIC-INDIC DIGIT ZERO}"),
        )
        for form in _SPELLINGS
    ]


def _in_script(digits: str, zero: str) -> str:
    return "".join(chr(ord(zero) + int(digit)) for digit in digits)


async def a32_every_spelling_of_a_number_shares_one_budget_of_messages(ground: Ground) -> None:
    """Ask for a code in fourteen spellings of one number."""
    target = ground.service()
    sent = [spelling for spelling in spellings(ground.phone()) if await target.asked(spelling)]
    most = ground.policy.sends_per_hour
    ground.require(len(sent) == most, f"{len(sent)} messages went out in an hour")


async def a33_extensions_letters_and_short_numbers_are_refused(ground: Ground) -> None:
    """Ask for codes at what is not one person's number."""
    number = ground.phone()
    await _require_refused(ground, [form.format(number=number) for form in _NO_NUMBERS])


async def a34_numbers_that_cost_or_lie_elsewhere_are_refused(ground: Ground) -> None:
    """Ask a service that serves Switzerland alone for codes at numbers that earn their holder money."""
    for numbers in _COSTLY.values():
        await _require_refused(ground, numbers)


async def _require_refused(ground: Ground, numbers: Iterable[str]) -> None:
    target = ground.service(policy=ground.policy.model_copy(update={"regions": frozenset({"CH"})}))
    for number in numbers:
        await target.asked(number)
        ground.require(not ground.sms.outbox, f"a message went to {number}")
    await target.send()
    ground.sms.outbox.clear()


async def a35_numbers_of_one_prefix_share_one_budget_of_messages(ground: Ground) -> None:
    """Ask for codes for 200 numbers that differ in their last four digits."""
    target, prefix = ground.service(), ground.phone()[:-4]
    sent = [number for number in range(200) if await target.asked(f"{prefix}{number:04}")]
    most = ground.policy.sends_per_prefix
    ground.require(len(sent) == most, f"{len(sent)} messages went out in a day")


async def a36_a_gateway_that_fails_takes_no_message_and_sends_none_twice(ground: Ground) -> None:
    """Let the gateway refuse before each message that there is, and let it take some and then fail."""
    gateway = Refusing(ground.sms)
    wait = ground.policy.lifetime / 100
    target = ground.service(sms=gateway, policy=ground.policy.model_copy(update={"cooldowns": (wait,)}))
    sent = await target.send()
    for left in reversed(range(ground.policy.max_sends - 1)):
        for gateway.refuses, gateway.takes in ((True, False), (left % 2 == 1, True)):
            ground.clock.at += wait
            outcome = await target.asked_again(sent)
            ground.require((outcome == ACCEPTED) != gateway.refuses, f"whoever asked was told {outcome}")
            ground.require(target.read() == sent.code, "the code that was sent again is another")
    ground.clock.at += wait
    await target.asked_again(sent)
    arrived = len(ground.sms.outbox)
    ground.require(arrived == ground.policy.max_sends, f"{arrived} messages arrived")
    ground.require(await target.answered(sent, sent.code) == [ACCEPTED], "the right code was refused")
