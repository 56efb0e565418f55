"""Whose visit it is: what differs from one organisation to the next within a deployment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hugathome.codes import SmsGateway
from hugathome.errors import ConfigurationError, InvalidInput
from hugathome.policy import CodePolicy
from hugathome.reach.channels import Channel, named_apart
from hugathome.reach.voice import VoiceGateway
from hugathome.record.services import Service
from hugathome.roles import ORGANISATION_ID, AnyLanguage, Language, language_of
from hugathome.wording.letterhead import Letterhead
from hugathome.wording.texts import Texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """An organisation's own settings; what is left out is the deployment's."""

    brand: str | None = None
    sms: SmsGateway | None = None
    voice: VoiceGateway | None = None
    channels: tuple[Channel, ...] | None = None
    """Instead of the deployment's; an empty tuple is none."""
    code_policy: CodePolicy | None = None
    timezone: str | None = None
    """An IANA name, such as `Europe/Zurich`."""
    language: AnyLanguage | None = None
    """For whoever has none of their own."""
    help_phone: str | None = None
    texts: Texts = Texts()
    """What they leave out is said in the deployment's texts, and then in the library's."""
    services: Mapping[str, Service] | None = None
    """The services that it has, and no others; None: the deployment's."""
    kept: timedelta | None = None
    """How long after its end `run_due` erases whoever took part in a session; None: never by itself."""

    def __post_init__(self) -> None:
        if self.kept is not None and not (isinstance(self.kept, timedelta) and self.kept > timedelta(0)):
            raise ConfigurationError("kept= takes a timedelta that is longer than nothing")


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """One organisation with every setting filled in."""

    letterhead: Letterhead
    sms: SmsGateway
    voice: VoiceGateway | None = None
    channels: tuple[Channel, ...] = ()
    code_policy: CodePolicy
    timezone: ZoneInfo
    language: Language
    services: Mapping[str, Service] | None = None
    kept: timedelta | None = None

    def service(self, name: str) -> Service | None:
        """Return what a service takes, None where any will do; raise `InvalidInput` for an unknown one."""
        if self.services is None:
            return None
        if name not in self.services:
            raise InvalidInput("this organisation has no such service")
        return self.services[name]


Settings = TypeVar("Settings", House, Organisation)


def adapted(settings: Settings, adapt: Callable[[Any], Any]) -> Settings:
    """Return the settings with the variant of each gateway and channel that suits a kind of host."""
    channels = settings.channels
    return replace(
        settings,
        sms=adapt(settings.sms),
        voice=adapt(settings.voice),
        channels=None if channels is None else tuple(map(adapt, channels)),
    )


class Organisations:
    """The organisations of a deployment; with none named, every identifier is one with the defaults."""

    def __init__(self, default: House, named: Mapping[str, Organisation] | None) -> None:
        self._default = default
        self._named = None if named is None else {name: _filled(own, default) for name, own in named.items()}

    def get(self, organisation: str) -> House:
        """Return the settings of an organisation; raise `InvalidInput` for one that is not named."""
        if self._named is None:
            refuse_unless_a_name(organisation)
            return self._default
        if not isinstance(organisation, str) or organisation not in self._named:
            raise InvalidInput("this organisation is not one of the deployment's")
        return self._named[organisation]

    @property
    def common(self) -> House | None:
        """What every organisation goes by; None where some are named, and each may have its own."""
        return self._default if self._named is None else None

    def has(self, organisation: str) -> bool:
        """Whether an organisation is one of the deployment's."""
        return self._named is None or organisation in self._named

    def kept_until(self, organisation: str, ended_at: datetime | None) -> datetime | None:
        """Return when people are erased from a session that ended then; None for never by itself."""
        kept = self.get(organisation).kept
        if kept is None or ended_at is None:
            return None
        try:
            return ended_at + kept
        except OverflowError:  # for longer than the calendar goes
            return None

    def all(self) -> tuple[House, ...]:
        """Return every set of settings that a text may be written under."""
        return (self._default,) if self._named is None else tuple(self._named.values())


def refuse_unless_a_name(organisation: object) -> None:
    """Raise `InvalidInput` for what cannot be an organisation's name."""
    if not isinstance(organisation, str) or not ORGANISATION_ID.fullmatch(organisation):
        raise InvalidInput("an organisation's name has at most 32 of A-Z a-z 0-9 _ -")


def zone(name: str) -> ZoneInfo:
    """Return the time zone of an IANA name, or raise `ConfigurationError`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise ConfigurationError("timezone= takes an IANA name, such as Europe/Zurich") from None


def _filled(own: Organisation, default: House) -> House:
    letterhead = default.letterhead
    return House(
        letterhead=Letterhead(
            brand=own.brand or letterhead.brand,
            site=letterhead.site,
            help_phone=own.help_phone or letterhead.help_phone,
            texts=own.texts.over(letterhead.texts),
        ),
        sms=own.sms or default.sms,
        voice=own.voice or default.voice,
        channels=default.channels if own.channels is None else named_apart(own.channels),
        code_policy=own.code_policy or default.code_policy,
        timezone=zone(own.timezone) if own.timezone else default.timezone,
        language=language_of(own.language, refusal=ConfigurationError) if own.language else default.language,
        services=default.services if own.services is None else own.services,
        kept=own.kept,
    )
