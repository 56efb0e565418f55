"""When a visit is, in five languages and two seasons."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from hugathome.errors import InvalidInput
from hugathome.roles import Language
from hugathome.wording.dates import local_clock, local_day, local_time
from hugathome.wording.gsm7 import foreign, rewritten

ZURICH = ZoneInfo("Europe/Zurich")


@pytest.mark.parametrize(
    ("language", "winter", "summer"),
    [
        ("fr", "mercredi 14 janvier 2026 à 14:30", "samedi 15 août 2026 à 15:30"),
        ("de", "Mittwoch, 14. Januar 2026 um 14:30 Uhr", "Samstag, 15. August 2026 um 15:30 Uhr"),
        ("it", "mercoledì 14 gennaio 2026, ore 14:30", "sabato 15 agosto 2026, ore 15:30"),
        ("rm", "mesemna, ils 14 da schaner 2026 a las 14:30", "sonda, ils 15 d’avust 2026 a las 15:30"),
        ("en", "Wednesday, 14 January 2026 at 14:30", "Saturday, 15 August 2026 at 15:30"),
    ],
)
def test_an_instant_in_utc_is_said_in_local_time_in_winter_and_summer(
    language: Language, winter: str, summer: str
) -> None:
    assert local_time(datetime(2026, 1, 14, 13, 30, tzinfo=UTC), language, zone=ZURICH) == winter
    assert local_time(datetime(2026, 8, 15, 13, 30, tzinfo=UTC), language, zone=ZURICH) == summer


@pytest.mark.parametrize(
    ("at", "zone", "said"),
    [
        (datetime(2026, 1, 14, 23, 30, tzinfo=UTC), "Europe/Zurich", "Thursday, 15 January 2026 at 00:30"),
        (datetime(2026, 1, 14, 23, 30, tzinfo=UTC), "America/Cayenne", "Wednesday, 14 January 2026 at 20:30"),
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), "Europe/Zurich", "Sunday, 29 March 2026 at 01:59"),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "Europe/Zurich", "Sunday, 29 March 2026 at 03:00"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "Europe/Zurich", "Sunday, 25 October 2026 at 02:30"),
    ],
)
def test_day_and_time_are_those_of_the_visits_zone(at: datetime, zone: str, said: str) -> None:
    assert local_time(at, "en", zone=ZoneInfo(zone)) == said


@pytest.mark.parametrize(
    ("language", "day", "clock"),
    [
        ("fr", "jeudi 15 janvier", "à 00:30"),
        ("de", "Donnerstag, 15. Januar", "um 00:30 Uhr"),
        ("it", "giovedì 15 gennaio", "ore 00:30"),
        ("rm", "gievgia, ils 15 da schaner", "a las 00:30"),
        ("en", "Thursday, 15 January", "at 00:30"),
    ],
)
def test_day_and_time_can_be_said_apart_and_the_day_without_its_year(
    language: Language, day: str, clock: str
) -> None:
    before_midnight = datetime(2026, 1, 14, 23, 30, tzinfo=UTC)

    assert local_day(before_midnight, language, zone=ZURICH) == day
    assert local_clock(before_midnight, language, zone=ZURICH) == clock


@pytest.mark.parametrize("language", Language)
def test_every_day_of_a_year_can_be_spelled_in_a_message_and_names_its_parts(language: Language) -> None:
    first = datetime(2026, 1, 1, 13, 5, tzinfo=ZURICH)

    for at in (first + timedelta(days=day) for day in range(365)):
        spelled = rewritten(local_time(at, language, zone=ZURICH))
        assert not foreign(spelled)
        assert spelled.split()[0].strip(",").isalpha()
        assert {str(at.day), "2026", "13:05"} <= {word.strip(".,") for word in spelled.split()}


def test_a_naive_time_is_refused() -> None:
    for said in (local_time, local_day, local_clock):
        with pytest.raises(InvalidInput, match="aware"):
            said(datetime(2026, 1, 14, 13, 30), "fr", zone=ZURICH)
