"""A clinic behind a real server on loopback, for tests that look at its pages."""

from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hugathome import HugAtHome, Participant, Session
from hugathome.record.needs import Needs
from hugathome.sms import OutboxSms
from hugathome.stores import open_store
from hugathome.web.serving import Certificate, listening, serving

PHONE = "+41791234567"


class Clinic:
    """A deployment behind a real server on loopback, which can be stopped and started again."""

    def __init__(
        self,
        folder: Path,
        *,
        host: str = "127.0.0.1",
        tls: Certificate | None = None,
        front: int | None = None,
        **options: Any,
    ) -> None:
        """`options` are those of `HugAtHome`; `front` is the port of a proxy, where one stands before it."""
        self._host = host
        self._tls = tls
        self._front = front
        self._options = options
        self._store = f"sqlite:///{folder}/clinic.db"
        self._stack = AsyncExitStack()
        self.port = 0
        self.sms = OutboxSms()

    @property
    def base(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self._host}:{self._front or self.port}"

    async def start(self) -> None:
        """Serve; the second time at the same address, as a server does that was started again."""
        bound = listening(self._host, self.port)
        self.port = bound.getsockname()[1]
        self.hug = HugAtHome(
            key=b"a key that is only ever used in tests",
            store=open_store(self._store),
            sms=self.sms,
            site=f"{self.base}/visit",
            timezone="Europe/Zurich",
            brand="HUG@home",
            help_phone="+41 22 372 33 11",
            **{"language": "en", **self._options},
        )
        await self._stack.enter_async_context(self.hug)
        served = serving(self.hug.asgi(otherwise=nothing_else), bound, tls=self._tls)
        await self._stack.enter_async_context(served)

    async def stop(self) -> None:
        await self._stack.aclose()

    async def plan(self, *, needs: Needs | None = None) -> Session:
        now = datetime.now(UTC)
        session = await self.hug.sessions.plan(
            organisation="hug",
            service="cardiology",
            modality="video",
            starts_at=now,
            ends_at=now + timedelta(minutes=30),
            participants=[
                Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi", language="de"),
                Participant(
                    id="p-1", role="patient", name="M. Dupont", language="fr", phone=PHONE, needs=needs
                ),
                Participant(id="nurse", role="nurse", name="N. Favre", language="it"),
            ],
        )
        await self.hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
        await self.hug.invite(session.id, "p-1")
        return session

    def room_url(self, session: Session, participant: str) -> str:
        return self.hug.room_url(self.hug.grant(session.id, participant))


async def nothing_else(_scope: object, _receive: object, _send: object) -> None:
    raise AssertionError("nothing but the visit is asked for")
