"""When a visit is, as its people say it: weekday, date and time of the CLDR in the visit's time zone.

The month is a word, which nobody reads as a day. The only importer of Babel's dates, and a late one: they
take 30 ms to load. Nothing here reads a clock.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

from hugathome.errors import InvalidInput
from hugathome.roles import AnyLanguage, Language

_LOCALES: Mapping[str, str] = MappingProxyType({Language.ENGLISH: "en_GB"})
"""Plain `en` would be American, month first."""

_CLOCK: Mapping[str, str] = MappingProxyType(
    {
        Language.FRENCH: "à {time}",
        Language.GERMAN: "um {time} Uhr",
        Language.ITALIAN: "ore {time}",
        Language.ROMANSH: "a las {time}",
        Language.ENGLISH: "at {time}",
    }
)
_BETWEEN: Mapping[str, str] = MappingProxyType({Language.ITALIAN: ", "})
"""What stands between date and time; the CLDR joins with a comma, or not at all in Romansh and Italian."""


def local_time(at: datetime, language: AnyLanguage, *, zone: ZoneInfo, home: ZoneInfo | None = None) -> str:
    """Return weekday, date and time of `at`, an aware datetime, as clocks in `zone` show it.

    The zone is named where clocks at `home`, which is where the others are, show something else, and in the
    hour of October that comes twice.
    """
    from babel.dates import format_date

    date = format_date(_on_the_spot(at, zone), "full", locale=_locale(language))
    return f"{date}{_BETWEEN.get(language, ' ')}{local_clock(at, language, zone=zone, home=home)}"


def local_day(at: datetime, language: AnyLanguage, *, zone: ZoneInfo) -> str:
    """Return weekday, day and month alone, for where the line is short."""
    from babel.dates import format_date, get_date_format

    locale = _locale(language)
    pattern = get_date_format("full", locale=locale).pattern.removesuffix(" y")
    return format_date(_on_the_spot(at, zone), pattern, locale=locale)


def local_clock(at: datetime, language: AnyLanguage, *, zone: ZoneInfo, home: ZoneInfo | None = None) -> str:
    """Return the time alone, as a sentence goes on with it: "at 14:30"; the zone is named as above."""
    from babel.dates import format_time

    local = _on_the_spot(at, zone)
    clock = _CLOCK[language].format(time=format_time(local.time(), "short", locale=_locale(language)))
    is_plain = not _comes_twice(local) and local.utcoffset() == at.astimezone(home or zone).utcoffset()
    return clock if is_plain else f"{clock} ({_zone_name(local, language)})"


def _comes_twice(local: datetime) -> bool:
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def _zone_name(local: datetime, language: AnyLanguage) -> str:
    """Return what people call the zone at that time of the year, or its offset where they have no word."""
    from babel.dates import get_timezone_name

    name: str = get_timezone_name(local, "long", locale=_locale(language))
    return name


def _on_the_spot(at: datetime, zone: ZoneInfo) -> datetime:
    if at.utcoffset() is None:
        raise InvalidInput("a time in a message comes from an aware datetime")
    return at.astimezone(zone)


def _locale(language: AnyLanguage) -> str:
    return _LOCALES.get(language, str(language))
