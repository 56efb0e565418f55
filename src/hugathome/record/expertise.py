"""Asking an expert: a question between clinicians, and what may follow what until it is answered.

    requested ──take on──► taken-on ──both are there──► live ──► opinion-given ──complete──► closed
        └────decline──► declined   └────────give opinion, without meeting────────┘

What the expert does is *take on*; *accept* stays the patient's word, who knows of it and has agreed before.
The opinion itself is a report in the host's own systems: here stands only what leads to it. Who may take a
step is said by `roles.py`, and whether both are there by the session; this module knows neither.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from hugathome._model import Record, ShortText
from hugathome.errors import InvalidInput, InvalidTransition
from hugathome.privacy import Personal, Shown
from hugathome.record.history import Action
from hugathome.record.imaging import ImagingStudyRef, Site
from hugathome.roles import ParticipantId


class ExpertiseState(StrEnum):
    """How a request to an expert stands."""

    REQUESTED = "requested"
    TAKEN_ON = "taken-on"
    DECLINED = "declined"
    LIVE = "live"
    OPINION_GIVEN = "opinion-given"
    CLOSED = "closed"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing can follow."""
        return all(before is not self for before, _ in EXPERTISE)


class ExpertiseKind(StrEnum):
    """What is asked for: codes of HL7 Switzerland's CH RAD-Order, its code system Requested Service."""

    REQUEST_FOR_PREVIOUS_REPORT = "RequestForPreviousReport"
    SECOND_OPINION = "SecondOpinion"
    REMOTE_REPORTING = "RemoteReporting"


ExpertiseKindName = Literal["RequestForPreviousReport", "SecondOpinion", "RemoteReporting"]
AnyExpertiseKind = Annotated[ExpertiseKind | ExpertiseKindName, AfterValidator(ExpertiseKind)]

EXPERTISE: Mapping[tuple[ExpertiseState, Action], ExpertiseState] = MappingProxyType(
    {
        (ExpertiseState.REQUESTED, Action.TAKE_ON): ExpertiseState.TAKEN_ON,
        (ExpertiseState.REQUESTED, Action.DECLINE): ExpertiseState.DECLINED,
        (ExpertiseState.TAKEN_ON, Action.ARRIVE): ExpertiseState.LIVE,
        (ExpertiseState.TAKEN_ON, Action.GIVE_OPINION): ExpertiseState.OPINION_GIVEN,
        (ExpertiseState.LIVE, Action.GIVE_OPINION): ExpertiseState.OPINION_GIVEN,
        (ExpertiseState.OPINION_GIVEN, Action.COMPLETE): ExpertiseState.CLOSED,
    }
)
"""Every step of a request; what is missing is refused. After `ARRIVE`, here, both clinicians are there."""

_ANSWERED = (ExpertiseState.OPINION_GIVEN, ExpertiseState.CLOSED)


class Expertise(Record):
    """A request to an expert, as it stands."""

    state: Shown[ExpertiseState] = ExpertiseState.REQUESTED
    kind: Shown[AnyExpertiseKind]
    study: ImagingStudyRef | None = None
    question: Personal[ShortText | None] = Field(default=None, repr=False)
    requesting: Site
    expert: Site | None = None
    """Who is asked; none until somebody takes it on, where several could."""
    taken_on_by: Personal[ParticipantId | None] = None
    """Which of the experts took it on."""
    opinion: Personal[ShortText | None] = Field(default=None, repr=False)
    """The host's reference of the expert's report."""

    @model_validator(mode="after")
    def _is_answered_by_an_opinion(self) -> "Expertise":
        if (self.opinion is not None) != (self.state in _ANSWERED):
            raise ValueError("an opinion is there once it has been given, and never before")
        return self

    def after(
        self,
        action: Action,
        *,
        expert: Site | None = None,
        by: str | None = None,
        opinion: str | None = None,
    ) -> "Expertise":
        """Return the request as it stands after `action`, or raise `InvalidTransition`.

        `by`: who takes it on, and `expert` their site, where that was open. `opinion`: the host's reference
        of the report that is given. Raises `InvalidInput` where they belong to another step.
        """
        try:
            state = EXPERTISE[self.state, action]
        except KeyError:
            raise InvalidTransition(state=self.state, action=action) from None
        if (action is Action.GIVE_OPINION) != (opinion is not None):
            raise InvalidInput("giving an opinion takes opinion=, where it is found, and nothing else does")
        if (expert, by) != (None, None) and action is not Action.TAKE_ON:
            raise InvalidInput("expert= and by= are who takes the request on: no other step takes it")
        if expert is not None and self.expert not in (None, expert):
            raise InvalidInput("expert= is another site than the one that is asked")
        changes = {
            "state": state,
            "expert": expert or self.expert,
            "taken_on_by": by or self.taken_on_by,
            "opinion": opinion or self.opinion,
        }
        return Expertise(**{**dict(self), **changes})
