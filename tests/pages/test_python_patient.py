"""A clinician's page meets a patient that is a Python endpoint, and has nothing but the SMS."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Browser
from tests.pages.browsing import DESKTOP, device, in_state, open_room, sees_and_hears, use
from tests.pages.clinic import PHONE, Clinic

from hugathome.testing import Outbox, Robot

pytestmark = [pytest.mark.media, pytest.mark.browser]


async def test_both_see_and_hear_each_other(clinic: Clinic, chromium: Browser) -> None:
    session = await clinic.plan()
    clinician = await open_room(await device(chromium, viewport=DESKTOP), clinic, session, "dr-rossi")
    await use(clinician, "join")
    await in_state(clinician, "visit")

    async with Robot.from_sms(Outbox(clinic.sms).last(to=PHONE)) as patient:
        await patient.waiting()
        assert [seen for seen in patient.peer.participants if seen != "p-1"] == []
        assert not patient.peer.client.lines
        await use(clinician, "admit")
        await patient.peer.connected("dr-rossi")
        await sees_and_hears(clinician, "p-1")
        async with asyncio.timeout(20):
            frame: Any = await patient.peer.video("dr-rossi").recv()
            sound: Any = await patient.peer.audio("dr-rossi").recv()
        await use(clinician, "end")
        await use(clinician, "confirm-end")
        await patient.ended()
    await in_state(clinician, "ended")

    assert (frame.width, sound.samples > 0) == (640, True)
