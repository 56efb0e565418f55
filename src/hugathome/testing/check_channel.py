"""Prove that a channel of the host's own keeps the promises of `hugathome.Channel`.

    await check_channel(
        PortalChannel(inbox),
        to=Addressee(organisation="hug", id="p-1", reference="urn:pid:77", phone=number, language="fr"),
        delivered=lambda: inbox.codes,         # the code of every notice that arrived, oldest first
        refusing=PortalChannel(inbox_that_is_full),
    )

The first rule that is broken raises `ConformanceFailure`, whose `rule` names it. A channel with
`for_blocking()` is tried a second time through it, without an event loop.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, runtime_checkable

from hugathome.reach.channels import Addressee, Channel, Notice
from hugathome.testing._gateway_trial import Trial
from hugathome.testing.conformance import ConformanceFailure

_CODES = ("493817", "000000", "12345678")


@runtime_checkable
class _Blocking(Protocol):
    def for_blocking(self) -> Channel: ...


async def check_channel(
    channel: Channel, *, to: Addressee, delivered: Callable[[], Sequence[str]], refusing: Channel | None
) -> None:
    """Raise `ConformanceFailure` unless `channel`, which reaches `to`, keeps every rule.

    `refusing` is the same channel before something that refuses; None for one that never does.
    """
    trial = _trial(channel, to, delivered, refusing)
    if not await channel.reaches(to):
        raise ConformanceFailure("it says that it reaches whom it reaches", "it does not reach `to`")
    await trial.run()
    if isinstance(channel, _Blocking):
        twin = refusing.for_blocking() if isinstance(refusing, _Blocking) else refusing
        _trial(channel.for_blocking(), to, delivered, twin).run_blocking()


def _trial(
    channel: Channel, to: Addressee, delivered: Callable[[], Sequence[str]], refusing: Channel | None
) -> Trial[Notice]:
    return Trial(
        send=channel.send,
        refuse=None if refusing is None else refusing.send,
        items=[partial(_notice, to, code) for code in _CODES],
        delivered=delivered,
        arrives_as=lambda notice: notice.code,
        secrets=tuple(filter(None, (_CODES[0], to.reference, str(to.phone or "")[-9:]))),
    )


def _notice(to: Addressee, code: str, key: str) -> Notice:
    return Notice(
        to=to,
        code=code,
        texts=(f"{code} is your code.\n@www.example.ch #{code}",),
        link="https://www.example.ch/j/AAAAAAAAAAA",
        idempotency_key=key,
    )
