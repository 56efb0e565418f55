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

_JOINED: Mapping[str, str] = MappingProxyType(
    {
        Language.FRENCH: "{date} à {time}",
        Language.GERMAN: "{date} um {time} Uhr",
        Language.ITALIAN: "{date}, ore {time}",
        Language.ROMANSH: "{date} a las {time}",
        Language.ENGLISH: "{date} at {time}",
    }
)
"""The CLDR joins with a comma, or not at all in Romansh and Italian."""


def local_time(at: datetime, language: AnyLanguage, *, zone: ZoneInfo) -> str:
    """Return weekday, date and time of `at`, an aware datetime, as clocks in `zone` show it."""
    if at.utcoffset() is None:
        raise InvalidInput("a time in a message comes from an aware datetime")
    from babel.dates import format_date, format_time

    locale, local = _LOCALES.get(language, str(language)), at.astimezone(zone)
    return _JOINED[language].format(
        date=format_date(local.date(), "full", locale=locale),
        time=format_time(local.time(), "short", tzinfo=zone, locale=locale),
    )
