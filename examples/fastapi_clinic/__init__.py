"""A clinic's own application on FastAPI, which holds its remote visits with hugathome.

    HUG_KEY=$(openssl rand -hex 32) uvicorn --app-dir examples --factory fastapi_clinic:create

Text messages appear on the terminal; http://127.0.0.1:8000/docs is where to plan a visit.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

from fastapi import Depends, FastAPI
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel
from starlette.requests import Request

from fastapi_clinic import pages
from hugathome import (
    HugAtHome,
    HugathomeError,
    Outcome,
    Participant,
    PhoneNumber,
    Session,
    SmsGateway,
    SmsNotSent,
)
from hugathome.sms import LogSms
from hugathome.stores import open_store

ORGANISATION = "clinic"
VISIT = timedelta(minutes=30)
PUMP_SECONDS = 30


class Appointment(BaseModel):
    """What the clinic's planning knows."""

    number: str
    starts_at: datetime
    patient: str
    phone: str
    """As people in Switzerland write it."""


class Visit(BaseModel):
    """What the clinician's work list shows."""

    id: str
    status: str
    waiting: list[str]
    present: list[str]


class End(BaseModel):
    """How the clinician ends a visit."""

    outcome: Outcome


def clinician() -> str:
    """Return who is signed in; your own log-in stands here."""
    return "dr-rossi"


Clinician = Depends(clinician)


def create(
    *,
    key: bytes | None = None,
    store: str = "sqlite:///clinic.db",
    sms: SmsGateway = LogSms(),  # noqa: B008 - it keeps nothing between two calls
    site: str = "http://127.0.0.1:8000/visit",
    frames: Sequence[str] = ("http://127.0.0.1:8000",),
) -> FastAPI:
    """Return the application; `frames` are the origins of the pages that embed the room: its own, here."""
    hug = HugAtHome(
        key=key or bytes.fromhex(os.environ["HUG_KEY"]),
        store=open_store(store),
        sms=sms,
        site=site,
        timezone="Europe/Zurich",
        brand="HUG@home",
        language="fr",
        help_phone="+41 22 372 33 11",
        frames=frames,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with hug:
            pump = asyncio.create_task(deliver_what_is_due(hug))
            yield
            pump.cancel()
            with suppress(asyncio.CancelledError):
                await pump

    app = FastAPI(title="Clinic", lifespan=lifespan)
    app.mount("/visit", hug.asgi())
    app.include_router(pages.routes(hug, organisation=ORGANISATION, signed_in=Clinician))

    @app.post("/appointments", status_code=201)
    async def plan(appointment: Appointment, me: str = Clinician) -> Visit:
        """Plan a visit, record that the patient accepts it, and invite them."""
        session = await hug.sessions.plan(
            organisation=ORGANISATION,
            service="cardiology",
            modality="video",
            starts_at=appointment.starts_at,
            ends_at=appointment.starts_at + VISIT,
            reference=appointment.number,
            participants=[
                Participant(id=me, role="practitioner", name="Dr A. Rossi"),
                Participant(
                    id="patient",
                    role="patient",
                    name=appointment.patient,
                    phone=PhoneNumber.parse(appointment.phone, region="CH"),
                ),
            ],
        )
        await hug.sessions.accept(session.id, "patient", recorded_by=me)
        with suppress(SmsNotSent):  # the invitation stands, and so does the appointment
            await hug.invite(session.id, "patient")
        return shown(await hug.sessions.get(session.id))

    @app.get("/appointments/{number}")
    async def look(number: str) -> Visit:
        """Show who waits and who is there."""
        return shown(await hug.sessions.find(organisation=ORGANISATION, reference=number))

    @app.post("/appointments/{number}/room")
    async def room(number: str, me: str = Clinician) -> Response:
        """Take the clinician into the room: the grant is signed at the click, and lives two minutes."""
        session = await hug.sessions.find(organisation=ORGANISATION, reference=number)
        return RedirectResponse(hug.room_url(hug.grant(session.id, me)), status_code=303)

    @app.post("/appointments/{number}/admit")
    async def admit(number: str, me: str = Clinician) -> Visit:
        """Let the patient in."""
        session = await hug.sessions.find(organisation=ORGANISATION, reference=number)
        return shown(await hug.sessions.admit(session.id, "patient", by=me))

    @app.post("/appointments/{number}/end")
    async def end(number: str, how: End, me: str = Clinician) -> Visit:
        """End the visit, with what came of it."""
        session = await hug.sessions.find(organisation=ORGANISATION, reference=number)
        return shown(await hug.sessions.complete(session.id, by=me, outcome=how.outcome))

    @app.get("/events")
    async def events(after: int = 0) -> list[str]:
        """Tell what has happened since a position, for whoever bills or documents it."""
        return [
            f"{event.position} {event.change.action}"
            async for event in hug.events(organisation=ORGANISATION, after=after)
        ]

    @app.exception_handler(HugathomeError)
    async def refused(_: Request, error: Exception) -> Response:
        """Say what the library refused: to staff, its own sentence, which names nobody."""
        status = error.status if isinstance(error, HugathomeError) else 500
        return JSONResponse({"detail": str(error)}, status_code=status)

    return app


def shown(session: Session) -> Visit:
    """Return what the work list shows of a session."""
    return Visit(
        id=session.id,
        status=session.status,
        waiting=[participant.name for participant in session.waiting],
        present=[participant.name for participant in session.present],
    )


async def deliver_what_is_due(hug: HugAtHome) -> None:
    """Send what another process left behind when it died; a cron job would do as well."""
    while True:
        await hug.run_due()
        await asyncio.sleep(PUMP_SECONDS)
