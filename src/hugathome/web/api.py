"""What pages and robots ask of a deployment, and what they are answered: JSON objects, and no framework.

Every method of `Api` takes what was asked and returns what is said, or raises; `problem` says how an
error reads over HTTP (RFC 9457). Only the methods that a POST leads to change or send anything, and no
answer names anybody.
"""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

from hugathome._model import Record
from hugathome.errors import ByPhone, HugathomeError, NotYetOpen, QuotaReached, SendTooSoon, SessionError
from hugathome.record.history import Action
from hugathome.record.needs import AT_THE_DOOR, Adjustment, adjustments
from hugathome.record.participants import Participant
from hugathome.roles import Capability, Step
from hugathome.rooms.mirror import standing
from hugathome.session import Session
from hugathome.web.asked import (
    CallMeBackAsked,
    CheckInAsked,
    CodeForAsked,
    GrantAsked,
    IdentifyAsked,
    LinkAsked,
    PassAsked,
    SendCodeAsked,
    StaffAsked,
)
from hugathome.wording.dates import local_clock, local_day, local_time

if TYPE_CHECKING:
    from hugathome.app import HugAtHome

Answer = Mapping[str, Any]
Asked = TypeVar("Asked", bound=Record)


@dataclass(frozen=True, slots=True)
class Call(Generic[Asked]):
    """One call of the API: what is asked, who answers, and the HTTP status of the answer."""

    form: type[Asked]
    do: Callable[[Asked], Awaitable[Answer]]
    status: int = 200


class Api:
    """The API of one deployment; `calls` has all of it by name."""

    def __init__(self, hug: "HugAtHome") -> None:
        self._hug = hug
        self.calls: Mapping[str, Call[Any]] = {
            "link": Call(LinkAsked, self.link),
            "send-code": Call(SendCodeAsked, self.send_code, 202),
            "check-in": Call(CheckInAsked, self.check_in),
            "pass": Call(PassAsked, self.visit_pass),
            "grant": Call(GrantAsked, self.regrant),
            "call-me-back": Call(CallMeBackAsked, self.call_me_back, 202),
            "call": Call(StaffAsked, self.call),
            "code-for": Call(CodeForAsked, self.code_for, 202),
            "identify": Call(IdentifyAsked, self.identify),
        }

    async def link(self, asked: LinkAsked) -> Answer:
        """Say how the visit stands behind a link; it names nobody."""
        session, participant = await self._hug.opened(asked.link)
        with suppress(SessionError):  # a visit that has ended is looked at all the same
            await self._note_once(session, participant, Step.PAGE_OPENED)
        house = self._hug.house(session.organisation)
        return {
            **self._visit(session, participant),
            "adjustments": [each for each in _adjusted(session, participant) if each in AT_THE_DOOR],
            "digits": house.code_policy.digits,
            "codeSent": session.of(participant.id).challenge_id is not None,
            "channels": await self._hug.code_channels(asked.link),
        }

    async def send_code(self, asked: SendCodeAsked) -> Answer:
        """Send the code to the participant's own telephone, or where the host reaches them, whoever asks."""
        await self._refuse_by_phone(asked.link)
        await self._hug.send_code(asked.link, channel=asked.channel)
        return {}

    async def check_in(self, asked: CheckInAsked) -> Answer:
        """Trade link and code for a pass."""
        await self._refuse_by_phone(asked.link)
        grant = await self._hug.check_in(asked.link, asked.code)
        return await self._let_in(grant.token, grant.token)

    async def visit_pass(self, asked: PassAsked) -> Answer:
        """Trade a grant for a pass, and for a fresh grant: the page may take its time."""
        return await self._let_in(asked.grant)

    async def regrant(self, asked: GrantAsked) -> Answer:
        """Trade a pass for a fresh grant: every connection takes one."""
        grant = await self._hug.regrant(asked.pass_)
        session = await self._hug.sessions.get(grant.session)
        return {"grant": grant.token, **self._place(session, grant.participant)}

    async def call_me_back(self, asked: CallMeBackAsked) -> Answer:
        """Note for the clinician that somebody is to be called, and send nothing."""
        if asked.link is not None:
            session, participant = await self._hug.opened(asked.link)
        else:
            session, participant = await self._hug.holder(asked.pass_ or "")
        step, _ = standing(session, participant)
        if step is not Step.CALL_ME_BACK:  # the wish stands until somebody has done something about it
            await self._hug.sessions.step(session.id, participant.id, Step.CALL_ME_BACK)
        return {}

    # --- Staff -----------------------------------------------------------------------------------

    async def call(self, asked: StaffAsked) -> Answer:
        """Call a participant, and say how that reaches them; by telephone also which word to say first."""
        session, staff = await self._hug.holder(asked.pass_)
        called = await self._hug.call(session.id, asked.participant, by=staff.id)
        calls = (
            change
            for change in reversed(called.history)
            if change.action is Action.CALL and change.participant == asked.participant
        )
        answer = {"how": next(calls).how}
        if called.is_by_phone:
            answer["word"] = await self._hug.callback_word(session.id, asked.participant)
        return answer

    async def code_for(self, asked: CodeForAsked) -> Answer:
        """Send a participant the code that they read out on the telephone."""
        session, staff = await self._hug.holder(asked.pass_)
        await self._hug.send_code_for(session.id, asked.participant, by=staff.id, channel=asked.channel)
        return {}

    async def identify(self, asked: IdentifyAsked) -> Answer:
        """Record how staff know who a participant is."""
        session, staff = await self._hug.holder(asked.pass_)
        await self._hug.identify(session.id, asked.participant, by=staff.id, code=asked.code, how=asked.how)
        return {}

    # --- Rules -----------------------------------------------------------------------------------

    async def _refuse_by_phone(self, link: str) -> None:
        """A page starts no visit by telephone: whoever has the link may not be who answers the telephone.

        That a visit has ended is said by whoever is asked next.
        """
        session, _ = await self._hug.opened(link)
        if session.is_by_phone and not session.status.is_terminal:
            raise ByPhone("a visit by telephone is checked in by staff")

    async def _let_in(self, presented: str, grant: str | None = None) -> Answer:
        visit_pass = await self._hug.visit_pass(presented)
        session = await self._hug.sessions.get(visit_pass.session)
        return {
            "pass": visit_pass.token,
            "grant": grant or (await self._hug.regrant(visit_pass.token)).token,
            **self._place(session, visit_pass.participant),
        }

    def _place(self, session: Session, participant_id: str) -> Answer:
        participant = session.participant(participant_id)
        place = {"session": session.id, "participant": participant_id}
        return {**place, "visit": {**self._visit(session, participant), **self._entry(session, participant)}}

    def _entry(self, session: Session, participant: Participant) -> Answer:
        """Say where staff come from, and go back to: it is nobody else's business."""
        if self._hug.entry is None or not participant.may(Capability.ADMIT):
            return {}
        reference = quote(session.reference or "", safe="")
        return {"entry": self._hug.entry.replace("{reference}", reference)}

    def _visit(self, session: Session, participant: Participant) -> Answer:
        house = self._hug.house(session.organisation)
        language = participant.language or house.language
        window, home = session.window, house.timezone
        zone = participant.zone or home
        return {
            "status": self._status(session),
            "modality": session.modality,
            "language": language,
            "startsAt": window.starts_at.isoformat(),
            "starts": local_time(window.starts_at, language, zone=zone, home=home),
            "startsDay": local_day(window.starts_at, language, zone=zone),
            "startsClock": local_clock(window.starts_at, language, zone=zone, home=home),
            "opensAt": window.opens_at.isoformat(),
            "opens": local_time(window.opens_at, language, zone=zone, home=home),
            "timezone": zone.key,
            "brand": house.letterhead.brand,
            "helpPhone": house.letterhead.help_phone,
            "privacyUrl": self._hug.privacy_url,
            "adjustments": _adjusted(session, participant),
        }

    def _status(self, session: Session) -> str:
        now = self._hug.clock.now()
        if session.is_enterable(now):
            return "open"
        return "early" if not session.status.is_terminal and now < session.window.opens_at else "ended"

    async def _note_once(self, session: Session, participant: Participant, step: Step) -> None:
        """Note a step once: what a page tells of itself must not fill the record."""
        if all(change.step is not step for change in session.steps(participant.id)):
            await self._hug.sessions.step(session.id, participant.id, step)


def _adjusted(session: Session, participant: Participant) -> Sequence[Adjustment]:
    return adjustments(participant.needs, (other.needs for other in session.participants))


# --- How errors read ------------------------------------------------------------------------------


def problem(error: HugathomeError) -> dict[str, Any]:
    """Return the problem document of an error: its public face, and when to come again."""
    body: dict[str, Any] = {
        "type": error.problem,
        "title": error.problem.rpartition(":")[2].replace("-", " ").capitalize(),
        "status": error.status,
        "detail": error.public,
    }
    if isinstance(error, SendTooSoon | QuotaReached):
        body["retryAfter"] = max(1, math.ceil(error.retry_after.total_seconds()))
    if isinstance(error, NotYetOpen):
        body["opensAt"] = error.opens_at.isoformat()
    return body
