"""Prove that a gateway keeps the promises of `hugathome.VoiceGateway`.

    provider = MyFakeProvider()                # whatever stands where the calls arrive
    await check_voice(
        MyVoice(provider.url),
        placed=lambda: provider.calls,         # (number, prompt, message) triples, oldest first
        refusing=MyVoice(provider.url_that_refuses),
    )

The first rule that is broken raises `ConformanceFailure`, whose `rule` names it. A gateway with
`for_blocking()` is tried a second time through it, without an event loop. That the message waits for a
key is for the provider's side to show: nothing here picks up.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, runtime_checkable

from hugathome.phone import PhoneNumber
from hugathome.reach.voice import VoiceCall, VoiceGateway, spoken
from hugathome.roles import Language
from hugathome.testing._gateway_trial import Trial

Placed = Callable[[], Sequence[tuple[str, str, str]]]
"""Returns number in E.164, prompt and message, as plain text, of every call that was placed so far."""

_BRAND = "Rossi & <Keller>"


@runtime_checkable
class _Blocking(Protocol):
    def for_blocking(self) -> VoiceGateway: ...


async def check_voice(gateway: VoiceGateway, *, placed: Placed, refusing: VoiceGateway | None) -> None:
    """Raise `ConformanceFailure` unless `gateway` keeps every rule.

    `refusing` is the same gateway before a provider that refuses; None for one that never does.
    """
    await _trial(gateway, placed, refusing).run()
    if isinstance(gateway, _Blocking):
        twin = refusing.for_blocking() if isinstance(refusing, _Blocking) else refusing
        _trial(gateway.for_blocking(), placed, twin).run_blocking()


def _trial(gateway: VoiceGateway, placed: Placed, refusing: VoiceGateway | None) -> Trial[VoiceCall]:
    return Trial(
        send=gateway.call,
        refuse=None if refusing is None else refusing.call,
        items=[partial(_call, language) for language in Language],
        delivered=placed,
        arrives_as=lambda call: (str(call.to), call.speech.prompt, call.speech.message),
        secrets=("223723311", "493817", *spoken(_BRAND, "fr", code="493817").message.split(": ")),
    )


def _call(language: Language, key: str) -> VoiceCall:
    speech = spoken(_BRAND, language, code="493817")
    return VoiceCall(to=PhoneNumber.parse("+41223723311"), speech=speech, idempotency_key=key)
