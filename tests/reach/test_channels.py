"""The host's own channels: what they are called, and what the checks find out about them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from hugathome import Addressee, ConfigurationError, Language, NotDelivered, Notice, PhoneNumber, VoiceCall
from hugathome.reach.channels import named_apart
from hugathome.testing import ConformanceFailure, check_channel, check_voice

PATIENT = Addressee(
    organisation="hug",
    id="p-1",
    reference="urn:pid:77",
    phone=PhoneNumber.parse("+41223723311"),
    language=Language.FRENCH,
)


@dataclass
class Portal:
    """Lays codes into the inbox of whoever has one."""

    name: str = "portal"
    inbox: list[Notice] = field(default_factory=list)

    async def reaches(self, to: Addressee) -> bool:
        return to.reference is not None

    async def send(self, notice: Notice) -> None:
        if all(kept.idempotency_key != notice.idempotency_key for kept in self.inbox):
            self.inbox.append(notice)

    @property
    def codes(self) -> list[str]:
        return [notice.code for notice in self.inbox]


class Refusing(Portal):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    async def send(self, notice: Notice) -> None:
        raise self._error


def test_nothing_shows_a_code_or_whom_it_is_for() -> None:
    notice = Notice(to=PATIENT, code="493817", texts=("493817",), link=None, idempotency_key="1")

    for secret in ("493817", "urn:pid", "p-1", "3723311"):
        assert secret not in repr(notice) + repr(PATIENT)


@pytest.mark.parametrize("names", [["sms"], ["voice"], ["e-mail", "e-mail"], ["E-mail"], [""], [None]])
def test_a_channel_has_a_name_of_its_own(names: list[Any]) -> None:
    with pytest.raises(ConfigurationError):
        named_apart(tuple(Portal(name) for name in names))


# --- What the checks find out --------------------------------------------------------------------


async def test_a_channel_that_keeps_the_rules_passes() -> None:
    portal = Portal()

    await check_channel(
        portal, to=PATIENT, delivered=lambda: portal.codes, refusing=Refusing(NotDelivered("full"))
    )


class Twice(Portal):
    async def send(self, notice: Notice) -> None:
        self.inbox.append(notice)


class Silent(Portal):
    async def send(self, notice: Notice) -> None:
        pass


class Blind(Portal):
    async def reaches(self, to: Addressee) -> bool:
        return False


class Waiting(Portal):
    def for_blocking(self) -> Portal:
        return Refusing(ConfigurationError("a part that needs an event loop"))


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        (Silent, "it arrives as it was sent"),
        (Twice, "the same key again delivers nothing"),
        (Blind, "it says that it reaches whom it reaches"),
        (Waiting, "a blocking variant never suspends"),
    ],
)
async def test_a_channel_that_breaks_a_rule_is_told_which(kind: Callable[[], Portal], rule: str) -> None:
    portal = kind()

    with pytest.raises(ConformanceFailure) as failure:
        await check_channel(portal, to=PATIENT, delivered=lambda: portal.codes, refusing=None)

    assert failure.value.rule == rule


@pytest.mark.parametrize(
    ("error", "rule"),
    [
        (NotDelivered("no inbox for urn:pid:77"), "a reason holds nothing personal"),
        (NotDelivered("cannot say 493817"), "a reason holds nothing personal"),
        (OSError("away"), "a refusal raises NotDelivered"),
    ],
)
async def test_a_refusal_that_breaks_a_rule_is_told_which(error: Exception, rule: str) -> None:
    portal = Portal()

    with pytest.raises(ConformanceFailure) as failure:
        await check_channel(portal, to=PATIENT, delivered=lambda: portal.codes, refusing=Refusing(error))

    assert failure.value.rule == rule


async def test_a_voice_gateway_that_says_the_code_at_once_is_found_out() -> None:
    said: list[tuple[str, str, str]] = []

    class Hasty:
        async def call(self, call: VoiceCall) -> None:
            said.append((str(call.to), call.speech.message, call.speech.message))

    with pytest.raises(ConformanceFailure) as failure:
        await check_voice(Hasty(), placed=lambda: said, refusing=None)

    assert failure.value.rule == "it arrives as it was sent"
