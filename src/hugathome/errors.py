"""Every error that leaves a public call, in one tree.

    HugathomeError
    ├── InvalidInput (also ValueError)
    │   └── InvalidPhoneNumber
    ├── ConfigurationError
    │   └── MissingExtra
    ├── CodeError
    │   ├── CodeRejected(attempts_left)
    │   ├── CodeExpired
    │   ├── CodeAlreadyUsed
    │   ├── TooManyAttempts
    │   ├── MalformedCode
    │   ├── LinkUnknown
    │   ├── SendTooSoon(retry_after)
    │   └── QuotaReached(retry_after)
    ├── SessionError
    │   ├── SessionNotFound
    │   ├── UnknownParticipant
    │   ├── InvalidTransition(state, action)
    │   ├── StaleSession
    │   ├── NotAdmitted
    │   ├── NotPermitted(action, is_to_oneself)
    │   ├── NotYetOpen(opens_at)
    │   ├── SessionEnded
    │   ├── ConsentMissing
    │   ├── ByPhone
    │   ├── AlreadyTaken
    │   ├── SlotTaken
    │   ├── StillOpen(sessions)
    │   └── ReferenceTaken
    ├── SignallingError
    │   ├── GrantRefused
    │   │   └── SignInTooWeak(acr)
    │   ├── LocalProtocolError
    │   ├── RemoteProtocolError
    │   ├── TransportClosed
    │   ├── LogForked
    │   └── LogTrimmed
    └── GatewayError
        ├── NotDelivered(reason, is_certain)
        │   ├── SmsNotSent(reason, is_certain)
        │   │   ├── NoMobileNumber
        │   │   └── RegionRefused
        │   └── ChannelUnavailable
        ├── StoreUnavailable
        └── AuditBroken(position, fault)

A leaf exists where a caller would act differently. Three facts hang on every class: `problem`, its
type URI in an RFC 9457 document; `status`, the HTTP status that goes with it; and `public`, the one
sentence that a patient may read. Wrong, expired and used codes share their public face, so that a
guesser learns nothing ((EU) 2018/389, article 4); the embedder still sees which it was. So do the reasons
for which somebody cannot be sent a code: a link says nothing about its owner's telephone.

No message contains a code, a telephone number, a name, a description or a key.
"""

from datetime import datetime, timedelta
from typing import Any, ClassVar

_PROBLEM = "urn:hugathome:problem:"


class HugathomeError(Exception):
    """The root: catch it to catch everything that this library raises."""

    problem: ClassVar[str] = _PROBLEM + "internal"
    status: ClassVar[int] = 500
    public: ClassVar[str] = "Something went wrong. Please try again, or call us."

    def __reduce__(self) -> tuple[Any, ...]:
        """Survive a pickle: task queues send errors between processes."""
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(kind: type[HugathomeError], args: tuple[Any, ...], facts: dict[str, Any]) -> HugathomeError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(facts)
    return error


# --- What the caller handed over -----------------------------------------------------------------


class InvalidInput(HugathomeError, ValueError):
    """An argument is not of the documented form; nothing was changed."""

    problem = _PROBLEM + "invalid-input"
    status = 400
    public = "This request could not be read."


class InvalidPhoneNumber(InvalidInput):
    """Not a telephone number that can be called from everywhere, or of a kind that we refuse."""

    problem = _PROBLEM + "invalid-phone-number"
    public = "This telephone number cannot be used."


class ConfigurationError(HugathomeError):
    """The parts were put together in a way that cannot work."""

    problem = _PROBLEM + "configuration"


class MissingExtra(ConfigurationError):
    """An optional dependency is not installed; `extra` names what to install."""

    def __init__(self, extra: str) -> None:
        super().__init__(f"install hugathome[{extra}] to use this")
        self.extra = extra


# --- Codes and links -----------------------------------------------------------------------------


class CodeError(HugathomeError):
    """A code or its link did not let anyone in."""

    problem = _PROBLEM + "code-refused"
    status = 403
    public = "This code is not valid. Check it, or ask for a new one."


class CodeRejected(CodeError):
    """The code is wrong; `attempts_left` more may be tried on this challenge."""

    def __init__(self, *, attempts_left: int) -> None:
        super().__init__(f"wrong code, {attempts_left} attempts left")
        self.attempts_left = attempts_left


class CodeExpired(CodeError):
    """The code was right once, but its time is over, or none is outstanding."""


class CodeAlreadyUsed(CodeError):
    """The code has let somebody in before; it does so once."""


class TooManyAttempts(CodeError):
    """The challenge is locked until staff invite again."""

    problem = _PROBLEM + "too-many-attempts"
    public = "Too many codes were tried. Please call us."


class MalformedCode(CodeError):
    """What was typed cannot be a code at all; no attempt was spent."""

    problem = _PROBLEM + "malformed-code"
    status = 400
    public = "Type the digits of the code."


class LinkUnknown(CodeError):
    """No open invitation has this link."""

    problem = _PROBLEM + "link-unknown"
    status = 404
    public = "This link is not valid, or no longer. Please call us."


class _RetryLater(CodeError):
    status = 429

    def __init__(self, *, retry_after: timedelta) -> None:
        super().__init__(f"{self._reason}; retry after {int(retry_after.total_seconds())} s")
        self.retry_after = retry_after

    _reason: ClassVar[str]


class SendTooSoon(_RetryLater):
    """A code was sent a moment ago; `retry_after` says when the next may go out."""

    problem = _PROBLEM + "send-too-soon"
    public = "A code is on its way. Please wait a moment before asking again."
    _reason = "a code was sent a moment ago"


class QuotaReached(_RetryLater):
    """The policy's limit of sends or failures is used up until `retry_after` has passed."""

    problem = _PROBLEM + "quota-reached"
    public = "No more codes can be sent now. Please call us."
    _reason = "the quota is used up"


# --- Sessions ------------------------------------------------------------------------------------


class SessionError(HugathomeError):
    """A session refuses what was asked of it."""

    problem = _PROBLEM + "session"
    status = 409
    public = "This is not possible now."


class SessionNotFound(SessionError):
    """No session has this id or reference in this organisation."""

    problem = _PROBLEM + "session-not-found"
    status = 404
    public = "There is no such visit."


class UnknownParticipant(SessionError):
    """Nobody of this id takes part in the session."""

    problem = _PROBLEM + "unknown-participant"
    status = 404


class InvalidTransition(SessionError):
    """The table of transitions has no such step; `state` and `action` name it."""

    problem = _PROBLEM + "invalid-transition"

    def __init__(self, *, state: str, action: str) -> None:
        super().__init__(f"{action} is not possible while {state}")
        self.state = state
        self.action = action


class StaleSession(SessionError):
    """Somebody else changed the session at the same moment, again and again; try once more."""

    problem = _PROBLEM + "stale-session"


class NotAdmitted(SessionError):
    """The participant has not been admitted to the visit."""

    problem = _PROBLEM + "not-admitted"
    status = 403
    public = "Please wait until you are let in."


class NotPermitted(SessionError):
    """The participant's role does not include `action`, or not if it `is_to_oneself`."""

    problem = _PROBLEM + "not-permitted"
    status = 403

    def __init__(self, *, action: str, is_to_oneself: bool = False) -> None:
        refused = f"nobody does {action} to themselves: who wants to go leaves"
        super().__init__(refused if is_to_oneself else f"this participant's role does not include {action}")
        self.action = action
        self.is_to_oneself = is_to_oneself


class NotYetOpen(SessionError):
    """The window has not opened; `opens_at` says when it does."""

    problem = _PROBLEM + "not-yet-open"
    public = "It is too early: come back shortly before the appointment."

    def __init__(self, *, opens_at: datetime) -> None:
        super().__init__(f"the session opens at {opens_at.isoformat()}")
        self.opens_at = opens_at


class SessionEnded(SessionError):
    """The session has ended, or its window has closed."""

    problem = _PROBLEM + "session-ended"
    status = 410
    public = "This visit has ended."


class ConsentMissing(SessionError):
    """Nobody has recorded that the patient accepts a remote visit."""

    problem = _PROBLEM + "consent-missing"


class ByPhone(SessionError):
    """The visit is held by telephone: its pages check nobody in, staff do at the call."""

    problem = _PROBLEM + "by-phone"
    public = "This visit is by telephone: we will call you."


class AlreadyTaken(SessionError):
    """Somebody else has taken the patient from the queue; take the next one."""

    problem = _PROBLEM + "already-taken"


class SlotTaken(SessionError):
    """The free time has been booked, or is held, by somebody else."""

    problem = _PROBLEM + "slot-taken"
    public = "Somebody else has just booked this time. Please choose another."


class StillOpen(SessionError):
    """Nobody is erased from sessions that have not ended: cancel or end those named in `sessions`."""

    problem = _PROBLEM + "still-open"

    def __init__(self, *, sessions: tuple[str, ...]) -> None:
        super().__init__(f"these sessions have not ended: {', '.join(sessions)}")
        self.sessions = sessions


class ReferenceTaken(SessionError):
    """The host's reference already names a session with other content."""

    problem = _PROBLEM + "reference-taken"


# --- Signalling ----------------------------------------------------------------------------------


class SignallingError(HugathomeError):
    """Bringing the endpoints together failed."""

    problem = _PROBLEM + "signalling"
    status = 400
    public = "The connection failed. It is tried again."


class GrantRefused(SignallingError):
    """A grant or pass is not ours, too old, already used or made for somebody else."""

    problem = _PROBLEM + "grant-refused"
    status = 403
    public = "Please open the link from your SMS again."


class SignInTooWeak(GrantRefused):
    """The service asks its practitioners to sign in as one of `acr` says: have them do so, and grant anew."""

    def __init__(self, *, acr: tuple[str, ...]) -> None:
        super().__init__("the service asks for a stronger sign-in")
        self.acr = acr


class LocalProtocolError(SignallingError):
    """Our own side was about to break the protocol: a mistake in the calling code."""


class RemoteProtocolError(SignallingError):
    """The other side broke the protocol; `code` is the close code that answers it."""

    def __init__(self, message: str = "the other side broke the protocol", *, code: int = 4000) -> None:
        super().__init__(message)
        self.code = code


class TransportClosed(SignallingError):
    """The transport has ended: nothing more comes, nothing more can be sent."""


class LogForked(SignallingError):
    """The room's log is not the one that was read before: it was rewound or replaced."""


class LogTrimmed(SignallingError):
    """The position lies before the part of the log that is still kept."""


# --- What lies outside ---------------------------------------------------------------------------


class GatewayError(HugathomeError):
    """Something outside this process did not do its part."""

    problem = _PROBLEM + "unavailable"
    status = 503
    public = "This is not possible at the moment. Please try again, or call us."


class NotDelivered(GatewayError):
    """No gateway accepted the message or call; `reason` is for the embedder and holds nothing personal."""

    problem = _PROBLEM + "not-delivered"
    _reached_none: ClassVar[bool] = False

    def __init__(self, reason: str, *, is_certain: bool = False) -> None:
        """Say why, and whether it is certain that no gateway has taken it: then another one may be asked."""
        super().__init__(f"the message was not sent: {reason}")
        self.reason = reason
        self.is_certain = is_certain or self._reached_none


class SmsNotSent(NotDelivered):
    """No gateway accepted the text message."""

    problem = _PROBLEM + "sms-not-sent"


class NoMobileNumber(SmsNotSent):
    """No SMS reaches the participant, nor any other channel: their identity is checked otherwise."""

    problem = _PROBLEM + "not-reachable"
    status = 409
    public = "We cannot send you a code. Please call us."
    _reached_none = True


class RegionRefused(SmsNotSent):
    """The policy sends nothing to where this number is from; staff call the patient instead."""

    problem = NoMobileNumber.problem
    status = NoMobileNumber.status
    public = NoMobileNumber.public
    _reached_none = True


class ChannelUnavailable(NotDelivered):
    """The channel that was asked for does not reach the participant, or is not there: take another."""

    problem = NoMobileNumber.problem
    status = NoMobileNumber.status
    public = NoMobileNumber.public
    _reached_none = True


class StoreUnavailable(GatewayError):
    """The store or log cannot be reached or used; whatever was asked did not happen."""


class AuditBroken(GatewayError):
    """An organisation's audit trail was changed outside this library: `position` is where, `fault` is how."""

    problem = _PROBLEM + "audit-broken"
    status = 500

    def __init__(self, *, position: int, fault: str) -> None:
        super().__init__(f"audit entry {position}: {fault}")
        self.position = position
        self.fault = fault
