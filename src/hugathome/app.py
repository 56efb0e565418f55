"""The parts put together: what a host constructs once and calls.

    hug = HugAtHome(key=…, store=open_store("sqlite:///clinic.db"), sms=…, site=…, timezone=…, brand=…)
    async with hug:
        session = await hug.sessions.plan(…)

Constructing it does no I/O and starts nothing, so that it is safe at import and before a fork. What it
was given stays the giver's, except store and log, which `aclose` closes.
"""

import logging
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from secrets import token_bytes
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from hugathome._closing import closing
from hugathome.clock import Clock, SystemClock
from hugathome.codes import ChallengeStore, SmsGateway
from hugathome.consultations import Consultations
from hugathome.crew import Crew, Means
from hugathome.discretion import discreet
from hugathome.errors import ConfigurationError, StoreUnavailable
from hugathome.grants import JoinGrant, VisitPass
from hugathome.hub import Hub
from hugathome.keys import KeyRing
from hugathome.logs import open_log
from hugathome.organisations import House, Organisation, Organisations, adapted, zone
from hugathome.policy import CodePolicy
from hugathome.protocol.ice import IceServer
from hugathome.protocol.wire import Limits
from hugathome.reach.channels import Channel, named_apart
from hugathome.reach.receipts import Receipt, is_known_token, receipts_at
from hugathome.reach.voice import VoiceGateway
from hugathome.record.audit import START, AuditEntry, Head
from hugathome.record.dossier import Dossier
from hugathome.record.offers import Directory
from hugathome.record.participants import Participant
from hugathome.record.services import Service
from hugathome.record.shelf import Event
from hugathome.roles import AnyLanguage, language_of
from hugathome.session import Session
from hugathome.signalling import SignallingLog, Transport
from hugathome.sms.reading import SIGNING
from hugathome.stores import Store
from hugathome.verifier import Randomness
from hugathome.visits.bookings import Bookings
from hugathome.visits.queues import Queues
from hugathome.visits.reception import Invitation
from hugathome.web.origins import embedding
from hugathome.wording import words
from hugathome.wording.letterhead import Letterhead
from hugathome.wording.texts import Texts

if TYPE_CHECKING:
    from hugathome.asgi import AsgiApp

T = TypeVar("T")

_LOGGER = logging.getLogger("hugathome")
_LOOPBACK = re.compile(r"http://(localhost|127\.0\.0\.\d{1,3}|\[::1\])(:\d+)?(/|$)")
EVENTS_AT_ONCE = 100
_EVENTS_POLLED = 0.5
"""Seconds between two looks for new events."""


@discreet
class Deployment:
    """All parts of one deployment, for either kind of host."""

    def __init__(
        self,
        *,
        key: bytes | Mapping[str, bytes],
        store: Store,
        sms: SmsGateway,
        voice: VoiceGateway | None = None,
        channels: Sequence[Channel] = (),
        site: str,
        timezone: str,
        brand: str,
        language: AnyLanguage = "en",
        help_phone: str | None = None,
        texts: Texts = Texts(),
        privacy_url: str | None = None,
        code_policy: CodePolicy = CodePolicy(),
        code_store: ChallengeStore | None = None,
        log: SignallingLog | None = None,
        ice_servers: Sequence[IceServer] = (),
        relay_only: bool = False,
        entry: str | None = None,
        frames: Sequence[str] = (),
        receipt_secrets: Mapping[str, str] = MappingProxyType({}),
        organisations: Mapping[str, Organisation] | None = None,
        services: Mapping[str, Service] | None = None,
        directory: Directory | None = None,
        limits: Limits = Limits(),
        clock: Clock = SystemClock(),
        randomness: Randomness = token_bytes,
    ) -> None:
        """Put the parts together.

        `key`: at least 32 bytes, or several by name, of which the first signs. `site`: the public URL of
        `asgi()` with its prefix; http only on loopback. `timezone`: the IANA name of the zone in which
        texts and pages say times. `voice` and `channels`: how a code reaches whoever gets no SMS. `texts`:
        your own wordings of the SMS. `log`: where workers meet; left out, it is the store's own. `entry`:
        where the room sends staff whose grant is old. `frames`: origins that may embed the room.
        `receipt_secrets`: by the names of gateways that sign their receipts; `twilio`'s is the auth token.
        `services`: what visits of each take; None: any service will do. `directory`: who offers what, where
        patients choose.
        Raises `ConfigurationError`.
        """
        self.site = _checked_site(site)
        self.frames = tuple(embedding(origin) for origin in frames)
        self.entry = _checked_link(entry, "entry")
        self.privacy_url = _checked_link(privacy_url, "privacy_url")
        self.receipt_secrets = _checked_secrets(receipt_secrets)
        self.clock = clock
        self.randomness = randomness
        self._store = self._adapted(store)
        self._log = self._adapted(log if log is not None else open_log(store.log_url))
        default = House(
            letterhead=Letterhead(brand=brand, site=self.site, help_phone=help_phone, texts=texts),
            sms=sms,
            voice=voice,
            channels=named_apart(tuple(channels)),
            code_policy=code_policy,
            timezone=zone(timezone),
            language=language_of(language, refusal=ConfigurationError),
            services=services,
        )
        self._organisations = Organisations(adapted(default, self._adapted), self._settled(organisations))
        self.notices = self._say_notices()
        self._keys = KeyRing(key)
        means = Means(
            site=self.site,
            keys=self._keys,
            organisations=self._organisations,
            sessions=self._store.sessions,
            codes=self._adapted(code_store) if code_store is not None else self._store.codes,
            log=self._log,
            limits=limits,
            clock=clock,
            randomness=randomness,
            directory=self._adapted(directory),
        )
        self._crew = Crew(means)
        self._hub = Hub(
            journal=self._crew.journal,
            consultations=self._crew.consultations,
            doorkeeper=self._crew.doorkeeper,
            clock=clock,
            randomness=randomness,
            limits=limits,
            ice_servers=tuple(ice_servers),
            relay_only=relay_only,
        )

    def grant(
        self, session_id: str, participant_id: str, *, claims: Mapping[str, Any] | None = None
    ) -> JoinGrant:
        """Return a grant for somebody whom the host has authenticated: at the click, it lives two minutes."""
        grant = self._crew.doorkeeper.grant(session_id, participant_id, claims=claims)
        self._organisations.get(grant.organisation)  # it would open what another deployment keeps
        return grant

    def room_url(self, grant: JoinGrant) -> str:
        """Return the address of the page for whoever holds `grant`; it travels in the fragment only."""
        return f"{self.site}/room#grant={grant.token}"

    def receipt_url(self, gateway: str) -> str:
        """Return where a gateway posts its receipts: for its settings, and for nobody else to see."""
        return receipts_at(self._keys, site=self.site, gateway=gateway)

    def knows_receipts(self, gateway: str, token: str) -> bool:
        """Whether a receipt came to an address that `receipt_url` has given out."""
        return is_known_token(self._keys, gateway=gateway, token=token)

    def _bookings(self) -> Bookings:
        if self._crew.bookings is None:
            raise ConfigurationError("where patients choose, directory= says who offers what")
        return self._crew.bookings

    async def _run_due(self) -> datetime | None:
        due_at = await self._crew.dispatch.run_due()
        try:
            await self._crew.verifier.forget_old()
        except StoreUnavailable as refused:  # it can wait, and holds up nothing
            _LOGGER.error("codes that had their time were not forgotten: %s", refused)
        return due_at

    def house(self, organisation: str) -> House:
        """Return an organisation's settings with the deployment's filled in."""
        return self._organisations.get(organisation)

    def common_house(self) -> House | None:
        """Return the settings of every visit; None where organisations are named, each with its own."""
        return self._organisations.common

    @staticmethod
    def _adapted(part: T) -> T:
        """Return the variant of a part that suits this kind of host."""
        return part

    def _settled(self, named: Mapping[str, Organisation] | None) -> Mapping[str, Organisation] | None:
        """Take the variants of the organisations' own gateways that suit this kind of host."""
        return named and {name: adapted(own, self._adapted) for name, own in named.items()}

    def _say_notices(self) -> tuple[str, ...]:
        """Say what a host should know of its own settings."""
        notices = {
            notice
            for house in self._organisations.all()
            if (notice := words.split_notice(house.letterhead, digits=house.code_policy.digits))
        }
        for notice in notices:
            _LOGGER.warning("%s", notice)
        return tuple(sorted(notices))


@discreet
class HugAtHome(Deployment):
    """Teleconsultations for a host with an event loop; `hugathome.blocking` has the other one."""

    @property
    def sessions(self) -> Consultations:
        """Everything that is done to a session by name."""
        return self._crew.consultations

    @property
    def queue(self) -> Queues:
        """Where patients wait for whoever is free, and are taken."""
        return self._crew.queues

    @property
    def offers(self) -> Bookings:
        """What patients choose from and book; raise `ConfigurationError` without a `directory=`."""
        return self._bookings()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Ask every device to come back later, end what runs, close store and log; twice is fine."""
        await self._hub.aclose()
        for part in closing(self._log, self._store):
            await part.aclose()

    # --- The way in ------------------------------------------------------------------------------

    async def invite(
        self, session_id: str, participant_id: str, *, again: bool = False, deliver: bool = True
    ) -> Invitation:
        """Give a participant their link, by SMS where they have a mobile number; see `Reception.invite`."""
        return await self._crew.reception.invite(session_id, participant_id, again=again, deliver=deliver)

    async def calendar(self, session_id: str, participant_id: str) -> bytes:
        """Return a participant's appointment as iCalendar; see `Reception.calendar`."""
        return await self._crew.reception.calendar(session_id, participant_id)

    async def send_code(self, link_id: str, *, channel: str | None = None) -> None:
        """Send the code that a patient asked for, by SMS, a call or otherwise; see `Reception.send_code`."""
        await self._crew.reception.send_code(link_id, channel=channel)

    async def check_in(self, link_id: str, code: str) -> JoinGrant:
        """Return a grant for the participant whose code this is, or raise a `CodeError` that says why not."""
        session, participant = await self._crew.reception.check_in(link_id, code)
        return self._crew.doorkeeper.grant(
            session.id, participant.id, device=session.of(participant.id).device
        )

    async def call(self, session_id: str, participant_id: str, *, by: str) -> Session:
        """Tell a participant that the clinician is ready; see `Switchboard.call`."""
        return await self._crew.switchboard.call(session_id, participant_id, by=by)

    async def callback_word(self, session_id: str, participant_id: str) -> str:
        """Return the word by which a participant knows who calls them; see `Switchboard.callback_word`."""
        return await self._crew.switchboard.callback_word(session_id, participant_id)

    async def send_code_for(
        self, session_id: str, participant_id: str, *, by: str, channel: str | None = None
    ) -> None:
        """Send the code that a participant reads out on the telephone; see `Switchboard.send_code_for`."""
        await self._crew.switchboard.send_code_for(session_id, participant_id, by=by, channel=channel)

    async def identify(
        self,
        session_id: str,
        participant_id: str,
        *,
        by: str,
        code: str | None = None,
        how: str | None = None,
    ) -> Session:
        """Record how staff know who somebody is, by code or otherwise; see `Switchboard.identify`."""
        return await self._crew.switchboard.identify(session_id, participant_id, by=by, code=code, how=how)

    async def receive_receipt(self, receipt: Receipt) -> bool:
        """Record what a gateway says of a message; return False where it says nothing new."""
        return await self._crew.deliveries.receive(receipt)

    # --- What pages ask --------------------------------------------------------------------------

    async def opened(self, link_id: str) -> tuple[Session, Participant]:
        """Return what a link leads to, or raise `LinkUnknown`; it changes nothing and sends nothing."""
        return await self._crew.reception.opened(link_id)

    async def code_channels(self, link_id: str) -> tuple[str, ...]:
        """Name the channels by which a code reaches whoever a link is for, the preferred one first."""
        return await self._crew.reception.code_channels(link_id)

    async def visit_pass(self, grant_token: str) -> VisitPass:
        """Trade a grant for the pass that a page keeps for this visit."""
        return await self._crew.doorkeeper.passes(grant_token)

    async def regrant(self, pass_token: str) -> JoinGrant:
        """Trade a pass for a fresh grant; every connection takes one."""
        return await self._crew.doorkeeper.regrants(pass_token)

    async def holder(self, pass_token: str) -> tuple[Session, Participant]:
        """Return the session that a pass is for and whose it is, or raise as `regrant` does."""
        return await self._crew.doorkeeper.holder(pass_token)

    # --- What runs -------------------------------------------------------------------------------

    async def serve(self, transport: Transport) -> None:
        """Serve one device over any transport until it ends; its first message carries the grant."""
        await self._hub.serve(transport)

    def asgi(self, *, otherwise: "AsgiApp | None" = None) -> "AsgiApp":
        """Return the web application: to be mounted, or in front of another one that gets the rest."""
        from hugathome.asgi import build

        return build(self, otherwise=otherwise)

    async def events(
        self, *, organisation: str, after: int = 0, follow: bool = False
    ) -> AsyncIterator[Event]:
        """Yield an organisation's events after a position, in order; with `follow`, wait for more."""
        while True:
            events = await self._crew.consultations.events(
                organisation=organisation, after=after, limit=EVENTS_AT_ONCE
            )
            for event in events:
                yield event
                after = event.position
            if events:
                continue
            if not follow:
                return
            await self.clock.sleep(_EVENTS_POLLED)

    async def audit(self, *, organisation: str, after: int = 0) -> AsyncIterator[AuditEntry]:
        """Yield who did what to an organisation's sessions, and what came of it, in order; not verified."""
        while entries := await self._crew.trail.entries(organisation, after=after, limit=EVENTS_AT_ONCE):
            for entry in entries:
                yield entry
                after = entry.position

    async def audit_head(self, *, organisation: str) -> Head:
        """Return how far an organisation's audit trail goes: its `str` is to be noted elsewhere."""
        return await self._crew.trail.head(organisation)

    async def verify_audit(
        self, *, organisation: str, after: Head | str = START, head: Head | str | None = None
    ) -> Head:
        """Return how far an audit trail is as it was written, or raise `AuditBroken`; see `Trail.verify`."""
        return await self._crew.trail.verify(organisation, after=after, head=head)

    # --- How long things are kept ----------------------------------------------------------------

    async def export(self, *, organisation: str, reference: str) -> Dossier:
        """Return everything that is held about one person; see `Retention.export`."""
        return await self._crew.retention.export(organisation=organisation, reference=reference)

    async def erase(self, *, organisation: str, reference: str, by: str) -> tuple[str, ...]:
        """Erase one person, and leave evidence that names nobody; see `Retention.erase`."""
        return await self._crew.retention.erase(organisation=organisation, reference=reference, by=by)

    async def forget(self, *, organisation: str, before: datetime, by: str) -> int:
        """Erase everybody in sessions that ended before that; see `Retention.forget`."""
        return await self._crew.retention.forget(organisation=organisation, before=before, by=by)

    async def run_due(self) -> datetime | None:
        """Deliver what is due, forget what has had its time, and return when to come again.

        For cron, a scheduler, or a loop.
        """
        return await self._run_due()


def _checked_site(site: str) -> str:
    if not isinstance(site, str) or (not site.startswith("https://") and not _LOOPBACK.match(site)):
        raise ConfigurationError("site= takes an https URL; http only on loopback")
    return site.rstrip("/")


def _checked_secrets(secrets: Mapping[str, str]) -> Mapping[str, str]:
    """Return the secrets of gateways; one that signs nothing would seem to be checked, and is refused."""
    if unknown := set(secrets).difference(SIGNING):
        raise ConfigurationError(
            f"receipt_secrets= knows {', '.join(SIGNING)}, not {', '.join(sorted(unknown))}"
        )
    if not all(isinstance(secret, str) and secret for secret in secrets.values()):
        raise ConfigurationError("receipt_secrets= takes texts that are not empty")
    return MappingProxyType(dict(secrets))


def _checked_link(url: str | None, name: str) -> str | None:
    """Return where a page's link leads: never a script, which would run as the page's own."""
    if url is not None and not url.startswith(("https://", "http://")):
        raise ConfigurationError(f"{name}= takes an https URL")
    return url
