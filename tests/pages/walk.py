"""Every state of both pages, one after the other: what an appointment shows before, during and after it.

A walk needs no picture of the others: who else takes part is a robot without media, which costs little.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

from playwright.async_api import Browser, BrowserContext, Page, expect
from tests.pages.browsing import DESKTOP, NO_DEVICES, device, in_state, open_room, use
from tests.pages.clinic import PHONE, Clinic

from hugathome import Participant, Session
from hugathome.roles import LanguageTag, ModalityName
from hugathome.testing import Outbox, Robot

LITTLE_PICTURE = """
const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
const little = { width: 160, height: 120, frameRate: 5 };
navigator.mediaDevices.getUserMedia = ({ audio, video }) => ask({ audio, video: video && little });
"""
Seen = AsyncIterator[tuple[str, Page]]


async def planned(
    clinic: Clinic, language: LanguageTag, *, modality: ModalityName = "video", hours: float = 0
) -> Session:
    """Plan a visit of four that the patient has accepted."""
    starts = datetime.now(UTC) + timedelta(hours=hours)
    session = await clinic.hug.sessions.plan(
        organisation="hug",
        service="cardiology",
        modality=modality,
        starts_at=starts,
        ends_at=starts + timedelta(minutes=30),
        participants=[
            Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi", language=language),
            Participant(id="p-1", role="patient", name="Marie Dupont", language=language, phone=PHONE),
            Participant(id="nurse", role="nurse", name="Nina Favre", language=language),
            Participant(id="son", role="related-person", name="Paul Dupont", language=language),
        ],
    )
    await clinic.hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
    return session


async def every_state(clinic: Clinic, chromium: Browser, language: LanguageTag) -> Seen:
    """Walk through all of it; what is named stands there until the walk goes on."""
    phone = await device(chromium, LITTLE_PICTURE)
    page = await phone.new_page()
    async for name in _before(clinic, page, language):
        yield name, page
    async for name, seen in _without_devices(clinic, chromium, language):
        yield name, seen
    async for name, seen in _visit(clinic, chromium, phone, language):
        yield name, seen


async def _before(clinic: Clinic, page: Page, language: LanguageTag) -> AsyncIterator[str]:
    await page.goto(f"{clinic.base}/visit/j/AAAAAAAAAAA")
    await in_state(page, "error")
    yield "error"
    for name, modality, hours in (("early", "video", 26.0), ("by phone", "phone", 0.0)):
        session = await planned(clinic, language, modality=modality, hours=hours)  # type: ignore[arg-type]
        await page.goto((await clinic.hug.invite(session.id, "p-1", deliver=False)).url)
        await in_state(page, "code")
        yield name


async def _without_devices(clinic: Clinic, chromium: Browser, language: LanguageTag) -> Seen:
    """Five wrong codes, staff who help, and then no camera."""
    session = await planned(clinic, language)
    context = await device(chromium, NO_DEVICES)
    page = await context.new_page()
    await page.goto((await clinic.hug.invite(session.id, "p-1", deliver=False)).url)
    await in_state(page, "code")
    await use(page, "send-code")
    await expect(page.locator("[data-code-said]")).to_be_visible()
    yield "code sent", page
    right = int(Outbox(clinic.sms).last(to=PHONE).code or 0)
    for wrong in range(1, 7):
        await page.fill("[name=code]", f"{(right + wrong) % 10**6:06}")
        await page.press("[name=code]", "Enter")
        await expect(page.locator("[data-notice]")).to_be_visible()
        if not await page.is_visible("[data-code-form]"):
            break
    await expect(page.locator("[data-action=call-me-back]")).to_be_visible()
    yield "blocked", page
    await page.goto(clinic.room_url(session, "p-1"))
    await in_state(page, "devices")
    await expect(page.locator("[data-devices-how]")).to_be_visible()
    yield "devices refused", page
    await context.close()


async def _visit(clinic: Clinic, chromium: Browser, phone: BrowserContext, language: LanguageTag) -> Seen:
    session = await planned(clinic, language)
    await clinic.hug.invite(session.id, "p-1")
    message = Outbox(clinic.sms).last(to=PHONE)
    patient = await phone.new_page()
    await patient.goto(str(message.link))
    await in_state(patient, "code")
    yield "code", patient
    await patient.fill("[name=code]", str(message.code))
    await use(patient, "check-in")
    await in_state(patient, "devices")
    await expect(patient.locator("[data-level-row]")).to_be_visible()
    yield "devices", patient
    await use(patient, "join")
    await in_state(patient, "waiting")
    yield "waiting", patient
    office = await device(chromium, LITTLE_PICTURE, viewport=DESKTOP)
    clinician = await open_room(office, clinic, session, "dr-rossi")
    await use(clinician, "join")
    await in_state(clinician, "visit")
    await clinician.click('[data-person="p-1"] summary')
    yield "the clinician's room", clinician
    await clinician.click('[data-person="p-1"] [data-action=call]')
    await expect(patient.locator("[data-action=answer]")).to_be_visible()
    yield "ringing", patient
    await use(patient, "answer")
    await clinician.click('[data-person="p-1"] [data-action=admit]')
    await in_state(patient, "visit")
    await expect(patient.locator(".tile")).to_have_count(1)
    yield "visit with one other", patient
    async for name, page in _with_more(clinic, session, patient, clinician):
        yield name, page


async def _with_more(clinic: Clinic, session: Session, patient: Page, clinician: Page) -> Seen:
    async with AsyncExitStack() as stack:
        for person in ("nurse", "son"):
            grant = clinic.hug.grant(session.id, person)
            await stack.enter_async_context(Robot.from_grant(grant, at=f"{clinic.base}/visit", media=False))
            await clinician.click(f'[data-person="{person}"] [data-action=admit]')
        await expect(patient.locator(".tile")).to_have_count(3)
        yield "visit with three others", patient
        await use(clinician, "text-panel")
        await clinician.fill("[data-text]", "Guten Tag / Bonjour")
        await use(clinician, "send-text")
        await expect(patient.locator("[data-unread]")).to_be_visible()
        await use(patient, "text-panel")
        yield "messages", patient
        yield "the clinician's messages", clinician
        await use(clinician, "modality-phone")
        await expect(clinician.locator("[data-phone-panel]")).to_be_visible()
        yield "turned to the telephone", patient
        yield "the clinician's telephone", clinician
        await use(clinician, "end")
        yield "the question before the end", clinician
    await use(patient, "leave")
    await in_state(patient, "ended")
    yield "left", patient
    await use(clinician, "confirm-end")
    await in_state(clinician, "ended")
    yield "ended", clinician
