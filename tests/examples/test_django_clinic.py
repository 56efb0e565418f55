"""The Django example holds a visit: its tests pass, and its views and its server share one record."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser
from tests.examples.rooms import enter_the_element, enter_the_frame

from hugathome.phone import PhoneNumber
from hugathome.testing.outbox import ReceivedSms

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "examples" / "django_clinic"
IN_ANOTHER_PROCESS = """
import django

django.setup()

from clinic.models import Appointment
from clinic.visits import visits

session = visits().sessions.get(Appointment.objects.get().session)
print(session.status, *(participant.name for participant in session.waiting))
"""


@pytest.fixture
def environment(tmp_path: Path, free_port: int) -> Mapping[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{PROJECT}",
        "PYTHONWARNINGS": "error",
        "DJANGO_SETTINGS_MODULE": "clinic.settings",
        "CLINIC_DATABASE": str(tmp_path / "clinic.db"),
        "HUG_SITE": f"http://127.0.0.1:{free_port}/visit",
        "HUG_FRAMES": f"http://127.0.0.1:{free_port} http://localhost:{free_port}",
    }


def run(environment: Mapping[str, str], *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], cwd=PROJECT, env=environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_its_own_tests_pass(environment: Mapping[str, str]) -> None:
    run(environment, "manage.py", "test")


async def test_its_views_and_its_server_share_one_record(
    environment: Mapping[str, str], free_port: int, tmp_path: Path
) -> None:
    run(environment, "manage.py", "migrate", "--verbosity", "0")
    terminal = tmp_path / "terminal.txt"
    start = datetime.now(UTC) + timedelta(minutes=5)

    async with serving(environment, free_port, terminal) as client:
        asked = {"starts_at": start.isoformat(), "patient": "M. Dupont", "phone": "079 123 45 67"}
        planned = await client.post("/appointments", json=asked)
        assert planned.status_code == 201, planned.text
        message = read_from(terminal)
        assert message.link is not None
        assert (await client.get(message.link)).status_code == 200

        typed = {"link": message.link.rpartition("/")[2], "code": message.code}
        checked_in = await client.post("/visit/api/check-in", json=typed)
        assert checked_in.status_code == 200, checked_in.text

        number = planned.json()["number"]
        assert (await client.get(f"/appointments/{number}")).json()["waiting"] == ["M. Dupont"]
        assert run(environment, "-c", IN_ANOTHER_PROCESS) == "planned M. Dupont\n"

        run(environment, "manage.py", "run_due")
        await client.post(f"/appointments/{number}/admit")
        ended = await client.post(f"/appointments/{number}/end", json={"outcome": "report"})
        assert ended.json()["status"] == "completed"
        dead = await client.post("/visit/api/grant", json={"pass": checked_in.json()["pass"]})
        assert dead.status_code == 410


@pytest.mark.media
@pytest.mark.browser
async def test_its_pages_have_the_room_in_them(
    environment: Mapping[str, str], free_port: int, tmp_path: Path, chromium: Browser
) -> None:
    run(environment, "manage.py", "migrate", "--verbosity", "0")
    own, other = f"http://127.0.0.1:{free_port}", f"http://localhost:{free_port}"
    start = datetime.now(UTC) + timedelta(minutes=5)
    asked = {"starts_at": start.isoformat(), "patient": "M. Dupont", "phone": "079 123 45 67"}

    async with serving(environment, free_port, tmp_path / "terminal.txt") as client:
        number = (await client.post("/appointments", json=asked)).json()["number"]
        await enter_the_frame(chromium, f"{other}/appointments/{number}/framed")
        await enter_the_element(chromium, f"{other}/appointments/{number}/embedded")
        await enter_the_element(chromium, f"{own}/appointments/{number}/embedded")


@asynccontextmanager
async def serving(
    environment: Mapping[str, str], port: int, terminal: Path
) -> AsyncGenerator[httpx.AsyncClient]:
    """Serve the project as its documentation says, with `terminal` in place of one."""
    command = ["-m", "uvicorn", "clinic.asgi:application", "--port", str(port), "--log-level", "warning"]
    with terminal.open("wb") as shown:
        server = await asyncio.create_subprocess_exec(
            sys.executable, *command, cwd=PROJECT, env=environment, stdout=shown, stderr=shown
        )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            await until_it_answers(client, server, terminal)
            yield client
    finally:
        if server.returncode is None:
            server.terminate()
        await server.wait()


async def until_it_answers(
    client: httpx.AsyncClient, server: asyncio.subprocess.Process, terminal: Path
) -> None:
    while True:
        assert server.returncode is None, shown_on(terminal)
        try:
            await client.get("/events")
        except httpx.ConnectError:
            await asyncio.sleep(0.05)
        else:
            return


def shown_on(terminal: Path) -> str:
    return terminal.read_text(encoding="utf-8")


def read_from(terminal: Path) -> ReceivedSms:
    """Return the message that the terminal shows, as a phone would have it."""
    text = shown_on(terminal).rpartition("SMS to +41791234567\n\n")[2].partition("\n──")[0]
    return ReceivedSms(to=PhoneNumber.parse("+41791234567"), text=text)
