"""Who takes part in a session, as the host says it.

What comes of it, who is there, invited or admitted, is the session's to know.
"""

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from hugathome._model import Record, ShortText
from hugathome.phone import AnyPhone, PhoneNumber
from hugathome.privacy import Dialled, Personal, Shown
from hugathome.record.needs import Needs
from hugathome.roles import (
    PARTS,
    AnyLanguage,
    AnyPart,
    AnyRole,
    Capability,
    Part,
    ParticipantId,
    Role,
    capabilities,
)


def _existing(timezone: str) -> str:
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("timezone takes an IANA name, such as Asia/Singapore") from None
    return timezone


AnyTimezone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_existing)]


class Participant(Record):
    """Somebody who takes part; `name` is shown to the others once they are admitted."""

    id: Shown[ParticipantId]
    """Seen by the others in the session: never a patient number."""
    role: Shown[AnyRole]
    name: Shown[ShortText] = Field(repr=False)
    language: Personal[AnyLanguage | None] = None
    """For texts and pages; none means the organisation's."""
    reference: Personal[ShortText | None] = Field(default=None, repr=False)
    """The host's own stable identifier of this person."""
    phone: Dialled[AnyPhone | None] = Field(default=None, repr=False)
    part: Shown[AnyPart | None] = None
    """What they are within their role: a `Part` of it, such as the expert among practitioners."""
    speaks_for: Shown[ParticipantId | None] = None
    """Whom an interpreter speaks for."""
    timezone: Personal[AnyTimezone | None] = Field(default=None, repr=False)
    """Where they are, by its IANA name: times are told to them as their clock shows them, and named where it
    shows another than the organisation's. None means the organisation's."""
    needs: Needs | None = Field(default=None, repr=False)
    """What they need in order to take part."""

    @model_validator(mode="after")
    def _plays_a_part_of_the_role(self) -> "Participant":
        if self.part is not None and self.part not in PARTS.get(Role(self.role), ()):
            raise ValueError("this role has no such part")
        if self.speaks_for is not None and self.role != Role.INTERPRETER:
            raise ValueError("only an interpreter speaks for somebody")
        return self

    @property
    def zone(self) -> ZoneInfo | None:
        """The zone that their clock shows, where that is known."""
        return None if self.timezone is None else ZoneInfo(self.timezone)

    @property
    def takes_sms(self) -> bool:
        """Whether a text message reaches them."""
        return isinstance(self.phone, PhoneNumber) and self.phone.takes_sms

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What they may do, by role and part."""
        return capabilities(Role(self.role), Part(self.part) if self.part else None)

    def may(self, capability: Capability) -> bool:
        """Whether role and part include `capability`."""
        return capability in self.capabilities
