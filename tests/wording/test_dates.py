"""When a visit is, in five languages and two seasons."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

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
        (datetime(2026, 10, 25, 2, 0, tzinfo=UTC), "Europe/Zurich", "Sunday, 25 October 2026 at 03:00"),
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


@pytest.mark.parametrize(
    ("language", "first", "second"),
    [
        ("fr", "à 02:30 (heure d’été d’Europe centrale)", "à 02:30 (heure normale d’Europe centrale)"),
        ("de", "um 02:30 Uhr (Mitteleuropäische Sommerzeit)", "um 02:30 Uhr (Mitteleuropäische Normalzeit)"),
        (
            "it",
            "ore 02:30 (Ora legale dell’Europa centrale)",
            "ore 02:30 (Ora standard dell’Europa centrale)",
        ),
        (
            "rm",
            "a las 02:30 (Temp da stad da l’Europa Centrala)",
            "a las 02:30 (Temp da standard da l’Europa Centrala)",
        ),
        ("en", "at 02:30 (Central European Summer Time)", "at 02:30 (Central European Standard Time)"),
    ],
)
def test_the_hour_that_comes_twice_says_which_it_is(language: Language, first: str, second: str) -> None:
    half_past = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    assert local_clock(half_past, language, zone=ZURICH) == first
    assert local_clock(half_past + timedelta(hours=1), language, zone=ZURICH) == second
    assert "(" not in local_clock(half_past + timedelta(hours=2), language, zone=ZURICH)


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("Europe/Paris", "Wednesday, 14 January 2026 at 14:30"),
        ("Asia/Singapore", "Wednesday, 14 January 2026 at 21:30 (Singapore Standard Time)"),
        ("Europe/Kyiv", "Wednesday, 14 January 2026 at 15:30 (GMT+02:00)"),
        ("Pacific/Auckland", "Thursday, 15 January 2026 at 02:30 (New Zealand Daylight Time)"),
    ],
)
def test_a_zone_is_named_where_clocks_at_home_show_another_time(zone: str, said: str) -> None:
    at = datetime(2026, 1, 14, 13, 30, tzinfo=UTC)

    assert local_time(at, "en", zone=ZoneInfo(zone), home=ZURICH) == said


@pytest.mark.parametrize("language", Language)
def test_the_name_of_a_zone_costs_no_more_than_its_letters(language: Language) -> None:
    at = datetime(2026, 1, 14, 13, 30, tzinfo=UTC)
    said = {local_clock(at, language, zone=ZoneInfo(zone), home=ZURICH) for zone in available_timezones()}

    assert {clock: foreign(rewritten(clock)) for clock in said if foreign(rewritten(clock))} == {}
