"""Every need changes something real, and nobody is told of it who need not know."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from hugathome.errors import InvalidInput
from hugathome.record.needs import (
    ADJUSTMENTS,
    AT_THE_DOOR,
    EXTRA_TIME,
    LENGTHENING,
    SEATS,
    UNSUITED,
    Adjustment,
    Needs,
    Proposal,
    adjustments,
    lengthened,
    proposals,
    suits,
)
from hugathome.record.seats import Seat
from hugathome.roles import Modality, Part, Role

EVERYTHING: Mapping[str, Any] = {
    name: "ssr" if name == "sign_language" else True for name in Needs.model_fields
}
HALF_AN_HOUR = timedelta(minutes=30)


@dataclass(frozen=True)
class Person:
    """As much of a participant as the rules look at."""

    id: str
    role: str
    part: str | None = None
    speaks_for: str | None = None
    needs: Needs | None = None


def patient(**needs: Any) -> Person:
    return Person("p-1", Role.PATIENT, needs=Needs(**needs))


@pytest.mark.parametrize("need", Needs.model_fields)
def test_every_need_changes_something(need: str) -> None:
    assert [table for table in (SEATS, UNSUITED, ADJUSTMENTS, LENGTHENING) if need in table]


@pytest.mark.parametrize("table", [SEATS, UNSUITED, ADJUSTMENTS, LENGTHENING])
def test_a_table_knows_no_other_needs(table: frozenset[str]) -> None:
    assert set(table) <= set(Needs.model_fields)


def test_what_is_stated_is_what_is_needed() -> None:
    assert Needs().stated == ()
    assert Needs(sign_language="sgg", large_text=True).stated == ("sign_language", "large_text")
    assert Needs(**EVERYTHING).stated == tuple(Needs.model_fields)


@pytest.mark.parametrize("tag", ["sgg", "ssr", "slf", "sgn-CH-DE"])
def test_a_sign_language_is_a_tag(tag: str) -> None:
    assert Needs(sign_language=tag).sign_language == tag


@pytest.mark.parametrize("tag", ["", "LSF", "sg", "langue des signes", "sgg-", "sgg\n", "s" * 40])
def test_what_is_no_tag_is_refused_without_being_quoted(tag: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Needs(sign_language=tag)

    assert str(refused.value).startswith("Needs: sign_language: ")
    assert len(tag) < 4 or tag not in str(refused.value)


def test_a_need_is_said_with_true_and_not_with_a_word() -> None:
    with pytest.raises(InvalidInput):
        Needs.from_json('{"captions": "no"}')


# --- Who is proposed -----------------------------------------------------------------------------


def test_whoever_signs_is_proposed_an_interpreter_of_their_language() -> None:
    assert proposals([patient(sign_language="sgg")]) == (
        Proposal(seat=Seat(role=Role.INTERPRETER), beside="p-1", sign_language="sgg"),
    )


def test_whoever_reads_what_is_said_is_proposed_an_interpreter_who_writes() -> None:
    assert proposals([patient(captions=True)]) == (Proposal(seat=Seat(role=Role.INTERPRETER), beside="p-1"),)


def test_one_interpreter_is_enough_for_one_person() -> None:
    assert len(proposals([patient(captions=True, sign_language="sgg")])) == 1


def test_an_interpreter_who_is_there_is_not_proposed_again() -> None:
    signs = Person("i-1", Role.INTERPRETER, speaks_for="p-1")

    assert proposals([patient(sign_language="sgg"), signs]) == ()


def test_an_interpreter_who_speaks_for_somebody_else_does_not_count() -> None:
    mother = Person("m-1", Role.RELATED_PERSON, Part.PARENT, needs=Needs(sign_language="slf"))
    signs = Person("i-1", Role.INTERPRETER, speaks_for="m-1")

    missing = proposals([patient(sign_language="sgg"), mother, signs])

    assert [proposal.beside for proposal in missing] == ["p-1"]


@pytest.mark.parametrize("part", [Part.COMPANION, Part.PARENT, Part.GUARDIAN])
def test_a_companion_is_proposed_unless_a_relative_is_there(part: Part) -> None:
    alone = patient(companion=True)

    assert [each.seat.role for each in proposals([alone])] == [Role.RELATED_PERSON]
    assert proposals([alone, Person("r-1", Role.RELATED_PERSON, part)]) == ()


def test_nobody_is_proposed_to_whoever_needs_nobody() -> None:
    nobody = Person("n-1", Role.NURSE)

    assert proposals([nobody, patient(large_text=True, extra_time=True, easy_language=True)]) == ()


# --- How it is held, and how long ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("needs", "suited"),
    [
        ({}, set(Modality)),
        ({"sign_language": "sgg"}, {Modality.VIDEO}),
        ({"captions": True}, {Modality.VIDEO, Modality.AUDIO}),
        ({"real_time_text": True}, {Modality.VIDEO, Modality.AUDIO}),
        ({"large_text": True, "companion": True}, set(Modality)),
    ],
)
def test_a_visit_is_held_so_that_everybody_can_take_part(
    needs: Mapping[str, Any], suited: set[Modality]
) -> None:
    assert {one for one in Modality if suits(one, [None, Needs(**needs), Needs()])} == suited


def test_extra_time_is_given_once_however_many_need_it() -> None:
    slow = Needs(extra_time=True)

    assert lengthened(HALF_AN_HOUR, [None, Needs(captions=True)]) == HALF_AN_HOUR
    assert lengthened(HALF_AN_HOUR, [slow, None, slow]) == HALF_AN_HOUR * EXTRA_TIME


# --- What their page does ------------------------------------------------------------------------


def test_a_page_does_what_its_own_person_needs() -> None:
    assert adjustments(Needs(**EVERYTHING)) == tuple(Adjustment)
    assert adjustments(Needs(extra_time=True, companion=True)) == ()
    assert adjustments(None) == ()


def test_the_messages_stand_open_for_everybody_and_the_rest_is_nobody_elses() -> None:
    assert adjustments(None, [None, Needs(**EVERYTHING)]) == (Adjustment.OPEN_MESSAGES,)


def test_a_link_alone_tells_nothing_that_the_page_can_do_without() -> None:
    assert Adjustment.OPEN_MESSAGES not in AT_THE_DOOR
