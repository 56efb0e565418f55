"""The made-up clinic: who meets whom, and when."""

from datetime import UTC, datetime, timedelta

import pytest

from hugathome import InvalidInput, Language
from hugathome.demo.made_up import Wanted

NOW = datetime(2026, 3, 28, 7, tzinfo=UTC)
"""The day before the clocks go forward in Geneva."""


def test_a_visit_now_starts_now_and_lasts_half_an_hour() -> None:
    wanted = Wanted()

    assert wanted.starts_at(NOW) == NOW
    assert wanted.ends_at(NOW) == NOW + timedelta(minutes=30)


def test_the_door_of_a_later_visit_opens_after_the_planning_and_within_a_minute() -> None:
    opens_at = Wanted(when="later").starts_at(NOW) - timedelta(minutes=30)

    assert timedelta(0) < opens_at - NOW < timedelta(minutes=1)


def test_tomorrow_is_at_ten_by_the_clinics_clock() -> None:
    assert Wanted(when="tomorrow").starts_at(NOW) == datetime(2026, 3, 29, 8, tzinfo=UTC)


@pytest.mark.parametrize("language", [*Language])
def test_everybody_is_spoken_to_in_the_language_of_the_visit(language: Language) -> None:
    participants = Wanted(language=language, guests=("nurse", "interpreter")).participants(0)

    assert [each.role for each in participants] == ["practitioner", "patient", "interpreter", "nurse"]
    assert {each.language for each in participants} == {language}


def test_each_visits_patient_has_a_mobile_number_of_their_own() -> None:
    numbers = [Wanted().participants(number)[1].phone for number in (0, 1, 9999)]

    assert len(set(numbers)) == 3


@pytest.mark.parametrize(
    "asked",
    [
        '{"modality": "fax"}',
        '{"when": "yesterday"}',
        '{"language": "xx"}',
        '{"guests": ["patient"]}',
        '{"guests": ["nurse", "nurse", "nurse"]}',
        '{"name": "somebody real"}',
        "[]",
        "",
    ],
)
def test_what_the_page_does_not_offer_is_refused(asked: str) -> None:
    with pytest.raises(InvalidInput):
        Wanted.from_json(asked)
