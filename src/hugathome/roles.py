"""Who takes part, and what each may do: the one table.

Signalling never sees a role's meaning: the hub looks the capabilities up here when somebody joins,
and the room knows capabilities only.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, StringConstraints

from hugathome.errors import HugathomeError, InvalidInput

OPAQUE_ID = re.compile(r"[0-9A-Za-z._~-]{1,64}")
"""What an identifier may look like (the opaque identifier grammar of Matrix)."""

ORGANISATION_ID = re.compile(r"[0-9A-Za-z_-]{1,32}")

ParticipantId = Annotated[str, StringConstraints(pattern=rf"^{OPAQUE_ID.pattern}$")]
OrganisationId = Annotated[str, StringConstraints(pattern=rf"^{ORGANISATION_ID.pattern}$")]


class Role(StrEnum):
    """Who somebody is in a session; the words are FHIR's where FHIR has one."""

    PRACTITIONER = "practitioner"
    PATIENT = "patient"
    RELATED_PERSON = "related-person"
    NURSE = "nurse"
    INTERPRETER = "interpreter"
    OBSERVER = "observer"


class Part(StrEnum):
    """What somebody is within their role, where that makes a difference."""

    TREATING = "treating"
    SECOND = "second"
    EXPERT = "expert"
    SUPERVISING = "supervising"
    PARENT = "parent"
    GUARDIAN = "guardian"
    COMPANION = "companion"


class Kind(StrEnum):
    """What a session is for."""

    CONSULTATION = "consultation"
    """With the patient."""
    TELE_EXPERTISE = "tele-expertise"
    """Between clinicians, about a patient who knows of it and agreed."""


class Modality(StrEnum):
    """How a visit is held."""

    VIDEO = "video"
    AUDIO = "audio"
    PHONE = "phone"


class Language(StrEnum):
    """The languages in which texts and pages exist."""

    FRENCH = "fr"
    GERMAN = "de"
    ITALIAN = "it"
    ROMANSH = "rm"
    ENGLISH = "en"


class Capability(StrEnum):
    """One thing that a participant may do."""

    ENTER = "enter"
    """Come in without being admitted."""
    ADMIT = "admit"
    """Admit, deny, remove, return to waiting, say who somebody is."""
    CALL = "call"
    """Ask somebody to come: their page rings, or a message goes out."""
    END = "end"
    """Hold, resume and complete the session, change how it is held."""
    CONSENT = "consent"
    """Accept the remote visit, for oneself or for the patient."""
    SEND_MEDIA = "send-media"
    """Send sound and picture; everybody admitted receives them."""
    SHARE_SCREEN = "share-screen"
    """Send what is on one's screen in place of the camera's picture."""
    ADVISE = "advise"
    """Take on or decline what an expert is asked, and give the opinion."""


class Step(StrEnum):
    """A fact on the way into a visit: noted with its time, shown to the clinician, driving nothing."""

    SMS_SENT = "sms-sent"
    SMS_DELIVERED = "sms-delivered"
    SMS_FAILED = "sms-failed"
    PAGE_OPENED = "page-opened"
    CODE_ASKED = "code-asked"
    CODE_REFUSED = "code-refused"
    DEVICES_ALLOWED = "devices-allowed"
    DEVICES_REFUSED = "devices-refused"
    SCREEN_OFF = "screen-off"
    SCREEN_ON = "screen-on"
    MEDIA_CONNECTED = "media-connected"
    MEDIA_FAILED = "media-failed"
    CALL_ME_BACK = "call-me-back"
    CALL_ANSWERED = "call-answered"

    def covers(self, earlier: "Step") -> bool:
        """Whether this is what a clinician should see now instead of an earlier one.

        A wish to be called back stands whatever the device goes on to tell of itself. A receipt may come
        long after what it is about has shown: it says more than other words on messages, and nothing else.
        """
        if self is Step.SMS_DELIVERED:
            return earlier in _OF_MESSAGES
        return earlier is not Step.CALL_ME_BACK or self not in _OF_THE_DEVICE


_OF_MESSAGES = frozenset({Step.SMS_SENT, Step.SMS_DELIVERED, Step.SMS_FAILED})
_OF_THE_DEVICE = frozenset(
    {
        Step.PAGE_OPENED,
        Step.DEVICES_ALLOWED,
        Step.DEVICES_REFUSED,
        Step.SCREEN_OFF,
        Step.SCREEN_ON,
        Step.MEDIA_CONNECTED,
        Step.MEDIA_FAILED,
    }
)


RoleName = Literal["practitioner", "patient", "related-person", "nurse", "interpreter", "observer"]
PartName = Literal["treating", "second", "expert", "supervising", "parent", "guardian", "companion"]
KindName = Literal["consultation", "tele-expertise"]
ModalityName = Literal["video", "audio", "phone"]
LanguageTag = Literal["fr", "de", "it", "rm", "en"]

AnyRole = Annotated[Role | RoleName, AfterValidator(Role)]
AnyPart = Annotated[Part | PartName, AfterValidator(Part)]
AnyKind = Annotated[Kind | KindName, AfterValidator(Kind)]
AnyModality = Annotated[Modality | ModalityName, AfterValidator(Modality)]
AnyLanguage = Annotated[Language | LanguageTag, AfterValidator(Language)]


def language_of(tag: AnyLanguage, *, refusal: type[HugathomeError] = InvalidInput) -> Language:
    """Return the language of a tag, or raise the `refusal` that suits where it was given."""
    try:
        return Language(tag)
    except ValueError:
        raise refusal(f"language= is one of {', '.join(Language)}") from None


CAPABILITIES: Mapping[Role, frozenset[Capability]] = MappingProxyType(
    {
        Role.PRACTITIONER: frozenset(
            {
                Capability.ENTER,
                Capability.ADMIT,
                Capability.CALL,
                Capability.END,
                Capability.SEND_MEDIA,
                Capability.SHARE_SCREEN,
            }
        ),
        Role.PATIENT: frozenset({Capability.CONSENT, Capability.SEND_MEDIA}),
        Role.RELATED_PERSON: frozenset({Capability.CONSENT, Capability.SEND_MEDIA}),
        Role.NURSE: frozenset({Capability.CALL, Capability.SEND_MEDIA}),
        Role.INTERPRETER: frozenset({Capability.SEND_MEDIA}),
        Role.OBSERVER: frozenset(),
    }
)

PARTS: Mapping[Role, frozenset[Part]] = MappingProxyType(
    {
        Role.PRACTITIONER: frozenset({Part.TREATING, Part.SECOND, Part.EXPERT, Part.SUPERVISING}),
        Role.RELATED_PERSON: frozenset({Part.PARENT, Part.GUARDIAN, Part.COMPANION}),
    }
)
"""The parts within each role; a role without parts is not in it."""

GRANTED: Mapping[Part, frozenset[Capability]] = MappingProxyType(
    {Part.EXPERT: frozenset({Capability.ADVISE})}
)
"""What a part may do beyond its role."""

WITHHELD: Mapping[Part, frozenset[Capability]] = MappingProxyType(
    {Part.COMPANION: frozenset({Capability.CONSENT})}  # of an adult: nobody speaks for them
)
"""What a part may not do although its role may."""


def capabilities(role: Role, part: Part | None = None) -> frozenset[Capability]:
    """Return what somebody may do."""
    if part is None:
        return CAPABILITIES[role]
    return CAPABILITIES[role] - WITHHELD.get(part, frozenset()) | GRANTED.get(part, frozenset())
