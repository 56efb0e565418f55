"""What pages and robots ask: one frozen form for each request, which shows none of the secrets it carries.

A form says what may be asked and never whether it is granted.
"""

from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from hugathome._model import Record

_Short = Annotated[str, StringConstraints(max_length=200)]
_Token = Annotated[str, StringConstraints(max_length=4096)]


class LinkAsked(Record):
    """Whoever opened a link; `link` is what follows `/j/`."""

    link: _Short = Field(repr=False)


class SendCodeAsked(LinkAsked):
    """Whoever wants their code; `channel` names how, the preferred one is taken otherwise."""

    channel: _Short | None = None


class CheckInAsked(Record):
    """Whoever typed a code."""

    link: _Short = Field(repr=False)
    code: str = Field(repr=False)


class PassAsked(Record):
    """The first load of a room page."""

    grant: _Token = Field(repr=False)


class GrantAsked(Record):
    """A page that is about to connect."""

    pass_: _Token = Field(alias="pass", repr=False)


class StaffAsked(Record):
    """Staff at work: whose page it is stands in the pass, whom it is about in `participant`."""

    pass_: _Token = Field(alias="pass", repr=False)
    participant: _Short


class CodeForAsked(StaffAsked):
    """Staff who have a code read out to them; `channel` is as in `SendCodeAsked`."""

    channel: _Short | None = None


class IdentifyAsked(StaffAsked):
    """Staff who typed the code that was read out to them, or say how else they know who it is."""

    code: str | None = Field(default=None, repr=False)
    how: str | None = Field(default=None, repr=False)


class CallMeBackAsked(Record):
    """A page that has no other way on; it knows its link, or has a pass already."""

    link: _Short | None = Field(default=None, repr=False)
    pass_: _Token | None = Field(default=None, alias="pass", repr=False)

    @model_validator(mode="after")
    def _says_whose_it_is(self) -> "CallMeBackAsked":
        if (self.link is None) == (self.pass_ is None):
            raise ValueError("either link or pass is needed")
        return self
