"""What a gateway's words mean, what a receipt changes, and where it may be posted."""

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugathome.errors import InvalidInput
from hugathome.keys import KeyRing
from hugathome.reach.receipts import (
    STATUSES,
    Receipt,
    Reference,
    concluded,
    is_known_token,
    is_out,
    receipt_of,
    receipt_url,
    reference_of,
    stepped,
    told,
)
from hugathome.record.history import DeliveryStatus, Message

QUEUED, SENT = DeliveryStatus.QUEUED, DeliveryStatus.SENT
DELIVERED, FAILED = DeliveryStatus.DELIVERED, DeliveryStatus.FAILED
KEY, OLD = b"a secret of thirty-two bytes, no", b"an older secret of thirty-two by"
SITE = "https://www.example.ch/visit"
statuses = st.sampled_from(DeliveryStatus)


def message(*parts: DeliveryStatus, status: DeliveryStatus = QUEUED) -> Message:
    due_at = datetime(2026, 11, 22, 9, tzinfo=UTC)
    return Message(id="abc", kind="invitation", status=status, attempts=1, due_at=due_at, parts=parts)


# --- What it changes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "receipt", "after"),
    [
        (QUEUED, QUEUED, QUEUED),
        (QUEUED, SENT, SENT),
        (QUEUED, DELIVERED, DELIVERED),
        (QUEUED, FAILED, FAILED),
        (SENT, QUEUED, SENT),
        (SENT, SENT, SENT),
        (SENT, DELIVERED, DELIVERED),
        (SENT, FAILED, FAILED),
        (DELIVERED, QUEUED, DELIVERED),
        (DELIVERED, SENT, DELIVERED),
        (DELIVERED, DELIVERED, DELIVERED),
        (DELIVERED, FAILED, DELIVERED),
        (FAILED, QUEUED, FAILED),
        (FAILED, SENT, FAILED),
        (FAILED, DELIVERED, DELIVERED),
        (FAILED, FAILED, FAILED),
    ],
)
def test_a_receipt_leads_further_on_or_nowhere(
    before: DeliveryStatus, receipt: DeliveryStatus, after: DeliveryStatus
) -> None:
    assert stepped(before, receipt) is after


@given(st.lists(statuses, max_size=6))
def test_receipts_in_any_order_and_number_end_where_the_best_of_them_does(
    receipts: list[DeliveryStatus],
) -> None:
    ends = set()
    for order in itertools.islice(itertools.permutations(receipts), 24):
        status = SENT
        for receipt in (*order, *order):
            status = stepped(status, receipt)
        ends.add(status)

    assert ends == {DELIVERED if DELIVERED in receipts else FAILED if FAILED in receipts else SENT}


def test_a_receipt_that_says_nothing_new_leaves_the_message_alone() -> None:
    sent = message(SENT, status=SENT)

    assert told(sent, part=1, status=SENT) is sent
    assert told(sent, part=2, status=DELIVERED) is sent, "it has one text"
    assert told(sent, part=1, status=DELIVERED) == message(DELIVERED, status=DELIVERED)


def test_of_two_texts_both_must_be_delivered_and_one_that_failed_is_enough() -> None:
    sent = concluded(message(), SENT, texts=2)
    first = told(sent, part=1, status=DELIVERED)

    assert (sent.status, first.status) == (SENT, SENT)
    assert told(first, part=2, status=DELIVERED).status is DELIVERED
    failed = told(first, part=2, status=FAILED)
    assert failed.status is FAILED
    assert told(failed, part=2, status=DELIVERED).status is DELIVERED


def test_a_receipt_that_is_faster_than_the_answer_stands() -> None:
    early = told(message(), part=1, status=DELIVERED)

    assert early.status is QUEUED, "nobody knows yet how many texts it has"
    assert is_out(early, part=1)
    assert not is_out(early, part=2)
    assert concluded(early, SENT, texts=1).status is DELIVERED
    assert concluded(early, FAILED, texts=1).status is DELIVERED, "the answer was lost, the message was not"
    assert concluded(early, SENT, texts=2).status is SENT
    assert concluded(early, FAILED, texts=2).status is FAILED


def test_a_gateway_that_failed_takes_nothing_back_that_is_out() -> None:
    assert concluded(message(SENT), FAILED, texts=1).status is SENT
    assert concluded(message(SENT), FAILED, texts=2).parts == (SENT, FAILED)


def test_a_message_that_could_not_even_be_written_has_failed() -> None:
    assert concluded(message(), FAILED, texts=0).status is FAILED


# --- A gateway's words ---------------------------------------------------------------------------


def test_words_of_gateways_mean_one_of_three() -> None:
    assert {STATUSES[word] for word in ("accepted", "queued", "sending", "sent", "enroute")} == {SENT}
    assert {STATUSES[word] for word in ("delivered", "read")} == {DELIVERED}
    assert {STATUSES[word] for word in ("undelivered", "failed", "expired", "rejected")} == {FAILED}
    assert QUEUED not in STATUSES.values(), "what a gateway tells of, it has"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(anything, anything | st.sampled_from(sorted(STATUSES)), anything)
def test_words_make_a_receipt_or_are_refused(reference: Any, status: Any, reason: Any) -> None:
    try:
        receipt = receipt_of(reference=reference, status=status, reason=reason)
    except InvalidInput:
        return
    assert isinstance(receipt.status, DeliveryStatus)
    assert receipt.reason is None or len(receipt.reason) <= 38
    reference_of(receipt.reference)


@pytest.mark.parametrize(
    "prose",
    ["Unknown subscriber +41791234567", "0791234567", "41791234567", "a" * 99, True, 10**9, -1, ""],
)
def test_a_gateways_prose_is_not_kept(prose: Any) -> None:
    assert receipt_of(reference="a.1", status="failed", reason=prose).reason is None


def test_a_number_without_end_is_no_code() -> None:
    assert receipt_of(reference="a.1", status="failed", reason=10**5000).reason is None


@pytest.mark.parametrize("code", ["30003", 30003, "EC_ABSENT_SUBSCRIBER", "ERR-12"])
def test_a_gateways_code_is_kept(code: Any) -> None:
    assert receipt_of(reference="a.1", status="Undelivered", reason=code).reason == str(code)


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "teleported"},
        {"status": None},
        {"status": []},
        {"reference": 7},
        {"reason": "no +41791234567"},
        {"reason": ""},
    ],
)
def test_a_receipt_of_the_hosts_own_making_is_held_to_the_same(wrong: dict[str, Any]) -> None:
    right = {"reference": "a.1", "status": "delivered"}

    assert Receipt(**right).status is DELIVERED  # type: ignore[arg-type]  # what a host may have read
    with pytest.raises(InvalidInput):
        Receipt(**right | wrong)


@pytest.mark.parametrize(
    ("key", "reference"),
    [
        ("dGhlIG1lc3NhZ2U.1", Reference("dGhlIG1lc3NhZ2U", 1)),
        ("challenge_-1.2.1", Reference("challenge_-1.2", 1)),
        ("a.0", None),
        ("a", None),
        ("", None),
        ("a.1.2.3", None),
        ("a.01.1", None),
        ("a.0.1", None),
        ("a.1\n", None),
        ("a b.1", None),
        ("a" * 65 + ".1", None),
        ("a.\N{FULLWIDTH DIGIT ONE}", None),
    ],
)
def test_a_reference_is_one_of_our_keys(key: str, reference: Reference | None) -> None:
    assert reference_of(key) == reference


# --- Where they are posted -----------------------------------------------------------------------


def test_an_address_for_receipts_is_known_by_its_token() -> None:
    url = receipt_url(key=KEY, site=f"{SITE}/", gateway="twilio")

    start, _, token = url.rpartition("/")
    assert start == f"{SITE}/receipts/twilio"
    assert len(token) == 24
    assert is_known_token(KeyRing(KEY), gateway="twilio", token=token)
    assert not is_known_token(KeyRing(KEY), gateway="smsmode", token=token)
    assert not is_known_token(KeyRing(OLD), gateway="twilio", token=token)


def test_a37_an_address_for_receipts_outlives_a_change_of_keys() -> None:
    token = receipt_url(key=OLD, site=SITE, gateway="twilio").rpartition("/")[2]

    assert is_known_token(KeyRing({"new": KEY, "old": OLD}), gateway="twilio", token=token)


@given(st.text(), st.text())
def test_no_token_can_be_guessed(gateway: str, token: str) -> None:
    assert not is_known_token(KeyRing(KEY), gateway=gateway, token=token)
    assert not is_known_token(KeyRing(KEY), gateway="twilio", token=token)


@pytest.mark.parametrize("gateway", ["", "Twilio", "a/b", "a" * 33, "ä", None, "twilio\n"])
def test_a_gateways_name_fits_an_address(gateway: Any) -> None:
    with pytest.raises(InvalidInput):
        receipt_url(key=KEY, site=SITE, gateway=gateway)
