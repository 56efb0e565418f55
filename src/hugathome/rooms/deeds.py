"""What of a command is the record's: it is done there first, and the log is told that it was.

Whatever is sent again, by the same device or after it has rejoined, is named alike, and done once.
"""

from hugathome.consultations import Consultations
from hugathome.errors import HugathomeError, InvalidInput, SessionError
from hugathome.protocol.messages import (
    Admit,
    ChangeModality,
    Command,
    Complete,
    Deny,
    Hold,
    Media,
    NoteStep,
    Remove,
    Resume,
    ReturnToWaiting,
    Unknown,
)
from hugathome.record.history import Outcome
from hugathome.roles import Step
from hugathome.signalling import Peer

_FACTS = {"connected": Step.MEDIA_CONNECTED, "failed": Step.MEDIA_FAILED}


class Deeds:
    """What one device does in the record of its session."""

    __slots__ = ("_noted", "_peer", "_record", "_session_id")

    def __init__(self, record: Consultations, session_id: str, peer: Peer) -> None:
        self._record = record
        self._session_id = session_id
        self._peer = peer
        self._noted: frozenset[Step] = frozenset()

    async def do(self, message: Command | Unknown) -> HugathomeError | None:
        """Do what a command says of the record; return its refusal."""
        try:
            await self._done(message)
        except (SessionError, InvalidInput) as refused:
            return refused
        return None

    async def _done(self, message: Command | Unknown) -> None:
        record, session_id = self._record, self._session_id
        by = self._peer.participant  # who is part of the name: nobody uses up what is another's to say
        once = f"{by}:{message.again or f'{self._peer.peer}.{message.seq}'}"
        match message:
            case Admit(participant=whom):
                await record.admit(session_id, whom, by=by, once=once)
            case Deny(participant=whom, reason=reason):
                await record.deny(session_id, whom, by=by, once=once, reason=reason or None)
            case Remove(participant=whom, reason=reason):
                await record.remove(session_id, whom, by=by, once=once, reason=reason or None)
            case ReturnToWaiting(participant=whom):
                await record.return_to_waiting(session_id, whom, by=by, once=once)
            case Hold():
                await record.hold(session_id, by=by, once=once)
            case Resume():
                await record.resume(session_id, by=by, once=once)
            case ChangeModality(modality=modality, reason=reason):
                await record.change_modality(session_id, modality, by=by, once=once, reason=reason or None)
            case Complete(outcome=outcome):
                await record.complete(session_id, by=by, once=once, outcome=_outcome(outcome))
            case NoteStep() | Media():
                await self._note(message)

    async def _note(self, told: NoteStep | Media) -> None:
        """Note a fact; how media fare is told for each connection between two, and noted once."""
        fact = told.step if isinstance(told, NoteStep) else _FACTS.get(told.state)
        if fact is None or (isinstance(told, Media) and fact in self._noted):
            return
        if isinstance(told, Media):
            self._noted |= {fact}
        await self._record.step(self._session_id, self._peer.participant, fact)


def _outcome(word: str) -> Outcome:
    try:
        return Outcome(word)
    except ValueError:
        raise InvalidInput("no such outcome") from None
