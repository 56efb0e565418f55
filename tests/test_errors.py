"""The tree of errors: what its docstring draws, and what each leaf promises."""

import copy
import inspect
import pickle
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from hugathome import errors
from hugathome.errors import (
    AuditBroken,
    ChannelUnavailable,
    CodeAlreadyUsed,
    CodeExpired,
    CodeRejected,
    HugathomeError,
    InvalidInput,
    InvalidTransition,
    MissingExtra,
    NoMobileNumber,
    NotDelivered,
    NotPermitted,
    NotYetOpen,
    QuotaReached,
    RegionRefused,
    RemoteProtocolError,
    SendTooSoon,
    SignInTooWeak,
    SmsNotSent,
    StillOpen,
)

FACTS: list[HugathomeError] = [
    AuditBroken(position=17, fault="removed"),
    CodeRejected(attempts_left=3),
    InvalidTransition(state="completed", action="admit"),
    MissingExtra("sql"),
    NotDelivered("the line is busy"),
    NotPermitted(action="admit"),
    NotYetOpen(opens_at=datetime(2026, 11, 22, 8, 30, tzinfo=UTC)),
    QuotaReached(retry_after=timedelta(hours=5)),
    RemoteProtocolError("the offer has no fingerprint", code=4001),
    SendTooSoon(retry_after=timedelta(seconds=30)),
    SignInTooWeak(acr=("http://eidas.europa.eu/LoA/high",)),
    SmsNotSent("the gateway answered 500"),
    StillOpen(sessions=("hug.7a1c", "hug.93e0")),
]


def descendants(kind: type[HugathomeError]) -> Iterator[type[HugathomeError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from descendants(child)


KINDS = sorted(
    {kind for kind in descendants(HugathomeError) if kind.__module__ == "hugathome.errors"}, key=str
)
PUBLIC_KINDS = [kind for kind in KINDS if not kind.__name__.startswith("_")]
SIMPLE = [kind for kind in PUBLIC_KINDS if kind not in {type(error) for error in FACTS}]
EXAMPLES = FACTS + [kind("in words") for kind in SIMPLE]


def public_parent(kind: type[HugathomeError]) -> str:
    return next(base.__name__ for base in kind.__mro__[1:] if base in PUBLIC_KINDS)


def drawn() -> dict[str, str]:
    """Return child → parent as the module's docstring draws them."""
    path: list[str] = []
    edges: dict[str, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        branch = re.fullmatch(r" {4}([│ ]*)[├└]── (\w+).*", line)
        if line == "    HugathomeError":
            path = ["HugathomeError"]
        elif branch:
            depth = len(branch[1]) // 4 + 1
            path[depth:] = [branch[2]]
            edges[branch[2]] = path[depth - 1]
    return edges


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    assert drawn() == {
        kind.__name__: public_parent(kind) for kind in PUBLIC_KINDS if kind is not HugathomeError
    }


def test_the_facts_in_the_docstring_are_the_arguments() -> None:
    for error in FACTS:
        drawing = re.search(rf"── {type(error).__name__}\((.*)\)", errors.__doc__ or "")
        arguments = [name for name in inspect.signature(type(error)).parameters if name != "message"]
        if not isinstance(error, MissingExtra | RemoteProtocolError):
            assert drawing
            assert drawing[1].split(", ") == arguments
        assert set(arguments) == error.__dict__.keys()


@pytest.mark.parametrize("kind", PUBLIC_KINDS)
def test_an_error_has_a_problem_a_status_and_a_sentence_for_patients(kind: type[HugathomeError]) -> None:
    assert re.fullmatch(r"urn:hugathome:problem:[a-z]+(-[a-z]+)*", kind.problem)
    assert 400 <= kind.status <= 599
    assert re.fullmatch(r"[A-Z].*\.", kind.public)
    assert kind.__doc__


def test_one_problem_always_has_one_status() -> None:
    pairs = {(kind.problem, kind.status) for kind in PUBLIC_KINDS}

    assert len(pairs) == len({problem for problem, _ in pairs})


def test_wrong_expired_and_used_codes_look_the_same_to_whoever_guesses() -> None:
    faces = {
        (kind.problem, kind.status, kind.public) for kind in (CodeRejected, CodeExpired, CodeAlreadyUsed)
    }

    assert len(faces) == 1


def test_why_somebody_cannot_be_sent_a_code_is_not_told_to_whoever_holds_their_link() -> None:
    faces = {
        (kind.problem, kind.status, kind.public)
        for kind in (NoMobileNumber, RegionRefused, ChannelUnavailable)
    }

    assert len(faces) == 1


def test_bad_input_is_a_value_error_too() -> None:
    with pytest.raises(ValueError, match="in words"):
        raise InvalidInput("in words")


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_survives_a_pickle(error: HugathomeError) -> None:
    error.add_note("seen by the worker")

    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert again.__dict__ == error.__dict__


def test_every_error_with_facts_is_among_the_examples() -> None:
    with_facts = {kind for kind in PUBLIC_KINDS if "__init__" in vars(kind) or issubclass(kind, SendTooSoon)}

    assert with_facts <= {type(error) for error in FACTS}


def test_facts_are_told_in_the_sentence() -> None:
    sentences = {type(error).__name__: str(error) for error in FACTS}

    assert sentences == {
        "AuditBroken": "audit entry 17: removed",
        "CodeRejected": "wrong code, 3 attempts left",
        "InvalidTransition": "admit is not possible while completed",
        "MissingExtra": "install hugathome[sql] to use this",
        "NotDelivered": "the message was not sent: the line is busy",
        "NotPermitted": "this participant's role does not include admit",
        "NotYetOpen": "the session opens at 2026-11-22T08:30:00+00:00",
        "QuotaReached": "the quota is used up; retry after 18000 s",
        "RemoteProtocolError": "the offer has no fingerprint",
        "SendTooSoon": "a code was sent a moment ago; retry after 30 s",
        "SignInTooWeak": "the service asks for a stronger sign-in",
        "SmsNotSent": "the message was not sent: the gateway answered 500",
        "StillOpen": "these sessions have not ended: hug.7a1c, hug.93e0",
    }
