"""Hand out grants and passes, and look at them again at the door.

A grant says who somebody is, and the host may sign one without asking the record. Whether they may come
in at this moment is the record's word: whoever trades a grant or a pass is held against it here.
"""

from collections.abc import Mapping
from typing import Any

from hugathome.clock import Clock
from hugathome.consultations import Consultations
from hugathome.errors import (
    GrantRefused,
    InvalidInput,
    NotYetOpen,
    SessionEnded,
    SessionNotFound,
    SignInTooWeak,
    UnknownParticipant,
)
from hugathome.grants import (
    GRANT_LIFETIME,
    JoinGrant,
    VisitPass,
    judge_grant,
    judge_pass,
    sign_grant,
    sign_pass,
)
from hugathome.keys import KeyRing
from hugathome.record.participants import Participant
from hugathome.record.transitions import OUT
from hugathome.roles import Capability, Role
from hugathome.session import Session
from hugathome.verifier import Randomness, opaque


class Doorkeeper:
    """Signs and judges for one deployment; `issuer` is its site."""

    def __init__(
        self,
        *,
        consultations: Consultations,
        keys: KeyRing,
        issuer: str,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._consultations = consultations
        self._keys = keys
        self._issuer = issuer
        self._clock = clock
        self._randomness = randomness

    def grant(
        self,
        session_id: str,
        participant_id: str,
        *,
        device: int | None = None,
        claims: Mapping[str, Any] | None = None,
    ) -> JoinGrant:
        """Sign a grant for somebody whom the caller has authenticated; it does no I/O."""
        if not isinstance(session_id, str) or "." not in session_id:
            raise InvalidInput("this is not the id of a session")
        claims = claims if claims is not None else {}
        if not isinstance(claims, Mapping):
            raise InvalidInput("claims= takes a mapping")
        now = self._clock.now()
        grant = JoinGrant(
            session=session_id,
            participant=participant_id,
            organisation=session_id.partition(".")[0],
            device=device,
            jti=opaque(self._randomness(16)),
            issued_at=now,
            expires_at=now + GRANT_LIFETIME,
            claims=dict(claims),
        )
        return sign_grant(grant, keys=self._keys, issuer=self._issuer)

    async def passes(self, grant_token: str) -> VisitPass:
        """Trade a grant for the pass that a page keeps; raise `GrantRefused` or what the record says."""
        grant = judge_grant(grant_token, keys=self._keys, issuer=self._issuer, now=self._clock.now())
        session = await self._admissible(grant)
        visit_pass = VisitPass(
            session=grant.session,
            participant=grant.participant,
            organisation=grant.organisation,
            device=session.of(grant.participant).device,
            jti=opaque(self._randomness(16)),
            issued_at=self._clock.now(),
            claims=grant.claims,
        )
        return sign_pass(visit_pass, keys=self._keys, issuer=self._issuer)

    async def regrants(self, pass_token: str) -> JoinGrant:
        """Trade a pass for a fresh grant; raise `GrantRefused` or what the record says."""
        visit_pass, _ = await self._recognised(pass_token)
        return self.grant(
            visit_pass.session, visit_pass.participant, device=visit_pass.device, claims=visit_pass.claims
        )

    async def holder(self, pass_token: str) -> tuple[Session, Participant]:
        """Return the session that a pass is for and whose it is; raise as `regrants` does."""
        visit_pass, session = await self._recognised(pass_token)
        return session, session.participant(visit_pass.participant)

    async def judge(self, grant_token: str) -> tuple[JoinGrant, Session]:
        """Return what a grant says and the session it opens, or raise."""
        grant = judge_grant(grant_token, keys=self._keys, issuer=self._issuer, now=self._clock.now())
        return grant, await self._admissible(grant)

    async def _recognised(self, pass_token: str) -> tuple[VisitPass, Session]:
        visit_pass = judge_pass(pass_token, keys=self._keys, issuer=self._issuer, now=self._clock.now())
        return visit_pass, await self._admissible(visit_pass)

    async def _admissible(self, token: JoinGrant | VisitPass) -> Session:
        try:
            session = await self._consultations.get(token.session)
            attendance = session.of(token.participant)
        except (SessionNotFound, UnknownParticipant):
            raise GrantRefused("the grant names nobody that the record knows") from None
        if session.organisation != token.organisation:
            raise GrantRefused("the grant is another organisation's")
        if session.status.is_terminal:
            raise SessionEnded("the session has ended")
        if attendance.presence in OUT:
            raise GrantRefused("the participant was removed")
        if token.device is not None and token.device != attendance.device:
            raise GrantRefused("another device has taken over")
        self._refuse_outside_the_window(session, token.participant)
        self._refuse_weak_sign_in(session, token)
        return session

    def _refuse_weak_sign_in(self, session: Session, token: JoinGrant | VisitPass) -> None:
        """A service may ask how its practitioners have signed in; of patients it asks their code."""
        takes = self._consultations.service_of(session)
        is_practitioner = session.participant(token.participant).role == Role.PRACTITIONER
        if takes is not None and is_practitioner and not takes.trusts(token.acr):
            raise SignInTooWeak(acr=takes.acr)

    def _refuse_outside_the_window(self, session: Session, participant_id: str) -> None:
        """Whoever enters without being admitted comes and goes as they like until the end."""
        now = self._clock.now()
        if session.participant(participant_id).may(Capability.ENTER) or session.is_enterable(now):
            return
        if now < session.window.opens_at:
            raise NotYetOpen(opens_at=session.window.opens_at)
        raise SessionEnded("the window has closed")
