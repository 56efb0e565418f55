"""What gives a code away, and what a refusal tells: nothing that helps to guess."""

import logging
import pickle
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from hugathome.errors import HugathomeError
from hugathome.policy import CodePolicy
from hugathome.testing.attacks._faults import Refusing
from hugathome.testing.attacks._ground import Ground
from hugathome.testing.attacks._service import Sent, settled

_OURS = str(Path(__file__).parent)
"""The attacks know the code: their own frames do not count."""


async def a24_a_code_is_in_no_log_and_no_traceback(ground: Ground) -> None:
    """Send, fail to, guess and use up, and read the logs at DEBUG and the tracebacks with their locals."""
    gateway = Refusing(ground.sms)
    target = ground.service(sms=gateway, policy=_with_long_codes(ground))
    with _logs() as said:
        sent = await target.send()
        ground.later(minutes=1)
        gateway.refuses = True
        said.append(_traced(await refusal(partial(target.service.resend, sent.challenge_id))))
        said.append(_traced(await refusal(partial(target.service.verify, sent.challenge_id, sent.wrong()))))
        await target.answered(sent, sent.code)
        said.append(_traced(await refusal(partial(target.service.verify, sent.challenge_id, sent.wrong()))))
    for text in said:
        _require_absent(ground, sent, text)


async def a25_a_code_is_in_no_reply(ground: Ground) -> None:
    """Look at everything that a caller is given: values and errors, as text, as fields and pickled."""
    target = ground.service(policy=_with_long_codes(ground))
    sent = await target.send()
    replies = [
        sent.challenge_id,
        await refusal(partial(target.service.resend, sent.challenge_id)),
        await refusal(partial(target.service.verify, sent.challenge_id, sent.wrong())),
        await settled(target.service.verify(sent.challenge_id, sent.code)),
        await refusal(partial(target.service.verify, sent.challenge_id, sent.code)),
    ]
    for reply in replies:
        _require_absent(ground, sent, _spelled(reply))


async def a30_an_unknown_id_looks_like_a_wrong_code(ground: Ground) -> None:
    """Compare what the public may see of two refusals."""
    target = ground.service()
    sent = await target.send()
    unknown = await refusal(partial(target.service.verify, "nobody", sent.wrong()))
    known = await refusal(partial(target.service.verify, sent.challenge_id, sent.wrong()))
    ground.require(_public(unknown) == _public(known), f"{_public(unknown)}, but {_public(known)}")


async def a31_the_public_is_not_told_what_was_wrong(ground: Ground) -> None:
    """Compare what the public may see of a wrong code, a used one and one that came too late."""
    target = ground.service()
    used, late = await target.send(), await target.send()
    faces = {_public(await refusal(partial(target.service.verify, late.challenge_id, late.wrong())))}
    await target.answered(used, used.code)
    faces.add(_public(await refusal(partial(target.service.verify, used.challenge_id, used.code))))
    ground.later(minutes=11)
    faces.add(_public(await refusal(partial(target.service.verify, late.challenge_id, late.code))))
    ground.require(len(faces) == 1, f"told apart: {faces}")


# --- What is looked at ---------------------------------------------------------------------------


async def refusal(call: Callable[[], Awaitable[object] | object]) -> HugathomeError:
    """Return the error that a call raises."""
    try:
        await settled(call())
    except HugathomeError as error:
        return error
    raise LookupError("what should have been refused was not")


def _public(error: HugathomeError) -> tuple[str, int, str]:
    return error.problem, error.status, error.public


def _with_long_codes(ground: Ground) -> CodePolicy:
    """Return a policy whose codes stand in no text by chance."""
    return ground.policy.model_copy(update={"digits": 8})


def _require_absent(ground: Ground, sent: Sent, text: str) -> None:
    code = sent.code
    grouped = (f"{code[:group]}{space}{code[group:]}" for group in (3, 4) for space in " -\u00a0\u202f")
    for secret in (code, *grouped, " ".join(code), sent.phone[3:]):
        ground.require(secret not in text, "a code or a number can be read there")


def _spelled(reply: object) -> str:
    """Return everything that can be read in a reply, its fields and its pickle included."""
    slots = [getattr(reply, name, None) for name in getattr(type(reply), "__slots__", ())]
    pickled = pickle.dumps(reply).decode("latin-1")
    return f"{reply!r} {reply} {getattr(reply, '__dict__', '')} {slots} {pickled}"


def _traced(error: HugathomeError) -> str:
    """Return a traceback as an error tracker keeps it, without the attackers' own frames."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    told.stack[:] = [frame for frame in told.stack if not frame.filename.startswith(_OURS)]
    return "".join(told.format())


@contextmanager
def _logs() -> Iterator[list[str]]:
    """Yield what is logged meanwhile, at every level."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(self.format(record))

    root, listener = logging.getLogger(), Listener()
    before = root.level
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    try:
        yield said
    finally:
        root.removeHandler(listener)
        root.setLevel(before)
