"""The people of the demonstration's clinic and its diary: names, numbers and times that somebody made up."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from types import MappingProxyType
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from hugathome._model import Record
from hugathome.phone import PhoneNumber
from hugathome.record.participants import Participant
from hugathome.roles import AnyLanguage, Language

PATIENT: Final = "p-1"
CLINICIAN: Final = "dr-rossi"
TIMEZONE: Final = "Europe/Zurich"

Guest = Literal["nurse", "interpreter"]

_PATIENTS: Final[Mapping[Language, str]] = MappingProxyType(
    {
        Language.FRENCH: "Mme Jeanne Dupont",
        Language.GERMAN: "Frau Anna Keller",
        Language.ITALIAN: "Sig.ra Lucia Ferrari",
        Language.ROMANSH: "Dunna Ursina Caduff",
        Language.ENGLISH: "Mrs Jane Taylor",
    }
)
_GUESTS: Final[Mapping[Guest, str]] = MappingProxyType({"nurse": "N. Favre", "interpreter": "L. Okafor"})
_LONG: Final = timedelta(minutes=30)
_TO_SPARE: Final = timedelta(seconds=30)
"""How long after the planning the door opens for "later": time to read the SMS, and no more to wait."""
_AT_TEN: Final = time(10)


class Wanted(Record):
    """What somebody chose on the clinic's page."""

    modality: Literal["video", "phone"] = "video"
    when: Literal["now", "later", "tomorrow"] = "now"
    language: AnyLanguage = Language.FRENCH
    guests: Annotated[tuple[Guest, ...], Field(max_length=2)] = ()

    def starts_at(self, now: datetime) -> datetime:
        """Return when the visit starts: now, half an hour after the door opens, or tomorrow at ten."""
        match self.when:
            case "now":
                return now
            case "later":
                return now + _LONG + _TO_SPARE
            case "tomorrow":
                here = ZoneInfo(TIMEZONE)
                tomorrow = now.astimezone(here).date() + timedelta(days=1)
                return datetime.combine(tomorrow, _AT_TEN, tzinfo=here)

    def ends_at(self, now: datetime) -> datetime:
        """Return when it ends."""
        return self.starts_at(now) + _LONG

    def participants(self, number: int) -> list[Participant]:
        """Return who meets; each visit's patient has a telephone of their own."""
        language = Language(self.language)
        guests = [
            Participant(id=guest, role=guest, name=_GUESTS[guest], language=language)
            for guest in sorted(set(self.guests))
        ]
        return [
            Participant(id=CLINICIAN, role="practitioner", name="Dr A. Rossi", language=language),
            Participant(
                id=PATIENT,
                role="patient",
                name=_PATIENTS[language],
                language=language,
                phone=_telephone(number),
            ),
            *guests,
        ]


def _telephone(number: int) -> PhoneNumber:
    """Return a mobile number; nothing is ever sent to it."""
    return PhoneNumber.parse(f"+4179123{number % 10_000:04}")
