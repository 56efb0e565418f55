"""One deployment, whichever kind of host it has: its settings checked, its parts put together."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from secrets import token_bytes
from types import MappingProxyType
from typing import Any, TypeVar

from hugathome.clock import Clock, SystemClock
from hugathome.codes import ChallengeStore, SmsGateway
from hugathome.crew import Crew, Means
from hugathome.discretion import discreet
from hugathome.errors import ConfigurationError, StoreUnavailable
from hugathome.grants import JoinGrant
from hugathome.keys import KeyRing
from hugathome.logs import open_log
from hugathome.organisations import House, Organisation, Organisations, adapted, zone
from hugathome.policy import CodePolicy
from hugathome.protocol.ice import IceServer
from hugathome.protocol.wire import Limits
from hugathome.reach.channels import Channel, named_apart
from hugathome.reach.receipts import is_known_token, receipts_at
from hugathome.reach.voice import VoiceGateway
from hugathome.record.offers import Directory
from hugathome.record.services import Service
from hugathome.roles import AnyLanguage, language_of
from hugathome.settings import checked_link, checked_secrets, checked_site
from hugathome.signalling import SignallingLog
from hugathome.stores import Store
from hugathome.telemetry import SILENT, Telemetry
from hugathome.verifier import Randomness
from hugathome.visits.bookings import Bookings
from hugathome.web.origins import embedding
from hugathome.wording import words
from hugathome.wording.letterhead import Letterhead
from hugathome.wording.texts import Texts

T = TypeVar("T")

_LOGGER = logging.getLogger("hugathome")
EVENTS_AT_ONCE = 100
"""How many events or audit entries are read in one go."""


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
        telemetry: Telemetry = SILENT,
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
        patients choose. `telemetry`: where figures and spans go, such as `hugathome.otel.OpenTelemetry()`.
        Raises `ConfigurationError`.
        """
        self.site = checked_site(site)
        self.frames = tuple(embedding(origin) for origin in frames)
        self.entry = checked_link(entry, "entry")
        self.privacy_url = checked_link(privacy_url, "privacy_url")
        self.receipt_secrets = checked_secrets(receipt_secrets)
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
        self._crew = Crew(
            Means(
                site=self.site,
                keys=self._keys,
                organisations=self._organisations,
                sessions=self._store.sessions,
                codes=self._adapted(code_store) if code_store is not None else self._store.codes,
                log=self._log,
                limits=limits,
                clock=clock,
                randomness=randomness,
                ice_servers=tuple(ice_servers),
                relay_only=relay_only,
                telemetry=telemetry,
                directory=self._adapted(directory),
            )
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
