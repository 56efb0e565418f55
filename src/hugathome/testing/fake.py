"""The product over memory adapters, for a host's own tests: no network, no waiting, the same every time."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count

from hugathome.app import HugAtHome
from hugathome.logs import open_log
from hugathome.organisations import Organisation
from hugathome.policy import CodePolicy
from hugathome.protocol.ice import IceServer
from hugathome.protocol.wire import Limits
from hugathome.reach.channels import Channel
from hugathome.reach.voice import VoiceGateway
from hugathome.record.offers import Directory
from hugathome.record.services import Service
from hugathome.roles import AnyLanguage
from hugathome.sms import OutboxSms
from hugathome.stores import open_store
from hugathome.telemetry import SILENT, Telemetry
from hugathome.testing.clock import FakeClock
from hugathome.testing.outbox import Outbox
from hugathome.testing.site import MemorySite
from hugathome.verifier import Randomness
from hugathome.wording.texts import Texts


class FakeHugAtHome(HugAtHome):
    """`HugAtHome` in memory, with its `clock` and `outbox`; what is due runs as the clock moves."""

    clock: FakeClock

    def __init__(
        self,
        *,
        now: datetime = datetime(2026, 1, 1, 12, tzinfo=UTC),
        seed: int = 0,
        site: str = "https://visit.example.ch",
        timezone: str = "Europe/Zurich",
        brand: str = "HUG@home",
        help_phone: str | None = "+41223723311",
        language: AnyLanguage = "fr",
        texts: Texts = Texts(),
        code_policy: CodePolicy = CodePolicy(),
        organisations: Mapping[str, Organisation] | None = None,
        ice_servers: Sequence[IceServer] = (),
        voice: VoiceGateway | None = None,
        channels: Sequence[Channel] = (),
        services: Mapping[str, Service] | None = None,
        directory: Directory | None = None,
        telemetry: Telemetry = SILENT,
        limits: Limits = Limits(),
    ) -> None:
        clock = FakeClock(now)
        sms = OutboxSms(clock=clock)
        super().__init__(
            key=b"a key that is only ever used in tests",
            store=open_store("memory://"),
            log=open_log("memory://"),
            sms=sms,
            voice=voice,
            channels=channels,
            site=site,
            timezone=timezone,
            brand=brand,
            help_phone=help_phone,
            language=language,
            texts=texts,
            code_policy=code_policy,
            organisations=organisations,
            ice_servers=ice_servers,
            services=services,
            directory=directory,
            telemetry=telemetry,
            limits=limits,
            clock=clock,
            randomness=seeded(seed),
        )
        self.here = MemorySite(self)
        """This deployment as robots reach it: `Robot.from_grant(grant, at=hug.here)`."""
        self.outbox = Outbox(sms, site=self.here)
        clock.pump = self.run_due

    async def aclose(self) -> None:
        """End what runs; twice is fine."""
        await super().aclose()
        await self.here.drained()


def seeded(seed: int) -> Randomness:
    """Return a source of bytes that gives the same ones for the same seed: for tests, never for secrets."""
    blocks = count()

    def randomness(size: int) -> bytes:
        drawn = b""
        while len(drawn) < size:
            drawn += sha256(f"{seed}/{next(blocks)}".encode()).digest()
        return drawn[:size]

    return randomness
