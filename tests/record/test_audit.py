"""The audit trail's rules: whatever is done to a chain, the first entry that it was done to is named."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugathome.errors import InvalidInput, NotPermitted, SessionEnded
from hugathome.keys import KeyRing
from hugathome.record.audit import DONE, START, Chain, Head, SealedEntry, attempted
from hugathome.record.history import Action, Change
from hugathome.record.inquiry import Broken, Fault, Inquiry, Reading, verify

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
OLD, NEW = b"an older secret of thirty-two by", b"a secret of thirty-two bytes, no"
BEFORE, AFTER = KeyRing(OLD), KeyRing({"new": NEW, "old": OLD})
CHAIN = Chain(AFTER, "hug")

Trail = Sequence[SealedEntry]


def body(number: int, keys: KeyRing = AFTER) -> bytes:
    return keys.seal("audit", b"%d" % number, bound_to=("hug",), nonce=number.to_bytes(12))


def head_of(trail: Trail) -> Head:
    return Head(position=trail[-1].position, digest=trail[-1].digest) if trail else START


def trail_of(length: int, *, rotated: int = 0, organisation: str = "hug") -> list[SealedEntry]:
    """Return a trail that goes on under a new key after `rotated` entries."""
    old, new = Chain(BEFORE, organisation), Chain(AFTER, organisation)
    trail = list(old.append([body(number, BEFORE) for number in range(rotated)])(START))
    return [*trail, *new.append([body(number) for number in range(rotated, length)])(head_of(trail))]


def numbered(trail: Trail) -> list[SealedEntry]:
    return [replace(entry, position=position) for position, entry in enumerate(trail, start=1)]


def forged(position: int) -> SealedEntry:
    return SealedEntry(position=position, previous=b"p" * 32, digest=b"d" * 32, body=body(10**6))


lengths = st.integers(min_value=3, max_value=12)


@st.composite
def trails(draw: st.DrawFn) -> list[SealedEntry]:
    length = draw(lengths)
    return trail_of(length, rotated=draw(st.integers(min_value=0, max_value=length)))


def places(trail: Trail) -> st.SearchStrategy[int]:
    return st.integers(min_value=0, max_value=len(trail) - 1)


# --- What is kept --------------------------------------------------------------------------------


def test_an_attempt_holds_who_did_what_when_and_no_words_of_anybody() -> None:
    change = Change(
        action=Action.DENY, at=NOW, by="dr-rossi", participant="p-1", reason="unwell", how="passport"
    )

    kept = attempted("hug.s1", change)

    assert kept.model_dump() == {
        "session": "hug.s1",
        "action": Action.DENY,
        "at": NOW,
        "by": "dr-rossi",
        "participant": "p-1",
        "result": DONE,
    }


@pytest.mark.parametrize(
    ("refused", "result"),
    [(NotPermitted(action="admit"), "not-permitted"), (SessionEnded("it is over"), "session-ended")],
)
def test_a_refusal_is_kept_under_the_name_of_its_problem(refused: Exception, result: str) -> None:
    assert isinstance(refused, NotPermitted | SessionEnded)

    assert attempted("hug.s1", Change(action=Action.ADMIT, at=NOW), refused).result == result


# --- A trail that nobody has touched -------------------------------------------------------------


@given(trail=trails(), data=st.data())
def test_what_was_written_is_whole_however_it_is_read(trail: list[SealedEntry], data: st.DataObject) -> None:
    cut = data.draw(places(trail))
    reading = Reading(CHAIN, noted=head_of(trail))

    assert verify(CHAIN, trail) is None
    assert verify(CHAIN, trail[cut:], after=head_of(trail[:cut]), noted=head_of(trail)) is None
    assert reading.read(trail[:cut])
    assert reading.read(trail[cut:])
    assert (reading.end(), reading.head) == (None, head_of(trail))


def test_a_trail_without_entries_is_whole() -> None:
    assert verify(CHAIN, []) is None


def test_the_trails_of_two_organisations_are_linked_under_two_keys() -> None:
    assert verify(CHAIN, trail_of(1, organisation="chuv")) == Broken(position=1, fault=Fault.ALTERED)


def test_without_the_key_nobody_writes_an_entry_that_fits() -> None:
    trail = trail_of(2)
    other = Chain(KeyRing(b"the secret of whoever attacks it"), "hug").append([body(7)])

    assert verify(CHAIN, [*trail, *other(head_of(trail))]) == Broken(position=3, fault=Fault.ALTERED)


def test_an_entry_whose_key_is_no_longer_given_is_named_as_that() -> None:
    trail = trail_of(4, rotated=2)

    assert verify(Chain(KeyRing(NEW), "hug"), trail) == Broken(position=1, fault=Fault.UNKNOWN_KEY)
    assert verify(Chain(KeyRing(NEW), "hug"), trail[2:], after=head_of(trail[:2])) is None


# --- A trail that somebody has touched -----------------------------------------------------------


@given(trail=trails(), data=st.data())
def test_an_entry_that_was_altered_is_named(trail: list[SealedEntry], data: st.DataObject) -> None:
    place = data.draw(places(trail))
    field = data.draw(st.sampled_from(["previous", "digest", "body"]))
    value: bytes = getattr(trail[place], field)
    at = data.draw(st.integers(min_value=0, max_value=len(value) - 1))
    bit = 1 << data.draw(st.integers(min_value=0, max_value=7))
    other = value[:at] + bytes([value[at] ^ bit]) + value[at + 1 :]
    fields: dict[str, Any] = {field: other}
    trail[place] = replace(trail[place], **fields)

    names_no_key = field == "body" and at < 6
    fault = Fault.UNKNOWN_KEY if names_no_key else Fault.ALTERED
    assert verify(CHAIN, trail) == Broken(position=place + 1, fault=fault)


@given(trail=trails(), data=st.data())
def test_an_entry_that_was_removed_is_named(trail: list[SealedEntry], data: st.DataObject) -> None:
    noted = head_of(trail)
    place = data.draw(places(trail))
    renumber = data.draw(st.booleans())
    del trail[place]

    found = verify(CHAIN, numbered(trail) if renumber else trail, noted=noted)

    assert found == Broken(position=place + 1, fault=Fault.REMOVED)


@given(trail=trails(), data=st.data())
def test_an_entry_that_was_inserted_is_named(trail: list[SealedEntry], data: st.DataObject) -> None:
    place = data.draw(places(trail))
    inserted = data.draw(st.sampled_from([forged(place + 1), *trail]))
    is_before_itself = inserted == trail[place]  # then the second of the two is the copy
    trail.insert(place, inserted)

    found = verify(CHAIN, numbered(trail))

    assert found == Broken(position=place + 1 + is_before_itself, fault=Fault.INSERTED)


@given(trail=trails(), data=st.data())
def test_a_copy_at_the_end_is_named(trail: list[SealedEntry], data: st.DataObject) -> None:
    found = verify(CHAIN, numbered([*trail, data.draw(st.sampled_from(trail))]))

    assert found == Broken(position=len(trail) + 1, fault=Fault.INSERTED)


@given(trail=trails(), data=st.data())
def test_of_two_entries_that_were_swapped_the_first_is_named(
    trail: list[SealedEntry], data: st.DataObject
) -> None:
    first, second = sorted(data.draw(st.sets(places(trail), min_size=2, max_size=2)))
    trail[first], trail[second] = trail[second], trail[first]

    assert verify(CHAIN, numbered(trail)) == Broken(position=first + 1, fault=Fault.MOVED)


@given(trail=trails(), data=st.data())
def test_an_entry_that_was_put_elsewhere_is_named(trail: list[SealedEntry], data: st.DataObject) -> None:
    here, there = data.draw(st.lists(places(trail), min_size=2, max_size=2, unique=True))
    trail.insert(there, trail.pop(here))

    assert verify(CHAIN, numbered(trail)) == Broken(position=min(here, there) + 1, fault=Fault.MOVED)


@given(trail=trails(), data=st.data())
def test_an_entry_with_another_number_is_named(trail: list[SealedEntry], data: st.DataObject) -> None:
    place = data.draw(places(trail))
    moved = replace(trail.pop(place), position=len(trail) + 9)

    assert verify(CHAIN, [*trail, moved]) == Broken(position=place + 1, fault=Fault.MOVED)


@given(trail=trails(), data=st.data())
def test_an_end_that_was_cut_off_shows_by_a_head_that_was_noted_and_by_nothing_else(
    trail: list[SealedEntry], data: st.DataObject
) -> None:
    length = data.draw(places(trail))

    assert verify(CHAIN, trail[:length]) is None
    assert verify(CHAIN, trail[:length], noted=head_of(trail)) == Broken(
        position=length + 1, fault=Fault.REMOVED
    )


@given(trail=trails(), data=st.data())
def test_a_trail_that_took_another_course_lacks_the_entry_that_was_noted(
    trail: list[SealedEntry], data: st.DataObject
) -> None:
    kept = trail[: data.draw(places(trail))]
    other = CHAIN.append([body(100 + number) for number in range(20)])(head_of(kept))

    assert verify(CHAIN, [*kept, *other]) is None
    assert verify(CHAIN, [*kept, *other], noted=head_of(trail)) == Broken(
        position=len(trail), fault=Fault.REMOVED
    )


# --- Heads ---------------------------------------------------------------------------------------


def test_a_head_is_read_back_as_it_was_written() -> None:
    head = head_of(trail_of(12))

    assert Head.parse(str(head)) == head
    assert Head.parse(str(START)) == START
    assert str(START) == "0:" + "0" * 64


@pytest.mark.parametrize(
    "text", ["", "12", ":", "12:ab", "-1:" + "0" * 64, "012:" + "0" * 64, 12, None, b"x"]
)
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        Head.parse(text)


def test_a_head_that_lies_before_where_reading_begins_is_refused() -> None:
    trail = trail_of(3)

    with pytest.raises(InvalidInput):
        Reading(CHAIN, after=head_of(trail), noted=head_of(trail[:2]))
    with pytest.raises(InvalidInput):
        Reading(CHAIN, after=head_of(trail), noted=replace(head_of(trail), digest=bytes(32)))


def test_there_is_nothing_to_inquire_into_where_everything_fits() -> None:
    with pytest.raises(InvalidInput):
        Inquiry(CHAIN, Reading(CHAIN))
