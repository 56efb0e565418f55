"""The parts put together: nothing starts, bad settings are refused, and what is given is what is used."""

import asyncio
import inspect
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hugathome import HugAtHome, IceServer, Organisation, Participant, Session
from hugathome._drive import drive
from hugathome.blocking import HugAtHome as BlockingHugAtHome
from hugathome.codes import Sms
from hugathome.errors import ConfigurationError, InvalidInput, StoreUnavailable
from hugathome.policy import CodePolicy
from hugathome.quotas import Tally
from hugathome.sms import OutboxSms
from hugathome.stores import open_code_store, open_store
from hugathome.stores.memory import MemoryCodes
from hugathome.testing.clock import FakeClock

KEY = b"a secret of thirty-two bytes, no"
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
EITHER = pytest.mark.parametrize("kind", [HugAtHome, BlockingHugAtHome], ids=["async", "blocking"])


def settings(**other: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "key": KEY,
        "store": open_store("memory://"),
        "sms": OutboxSms(),
        "site": "https://www.example.ch/visit",
        "timezone": "Europe/Zurich",
        "brand": "HUG@home",
        "clock": FakeClock(NOW),
    }
    return {**whole, **other}


async def planned(hug: HugAtHome, *, organisation: str = "hug") -> Session:
    session = await hug.sessions.plan(
        organisation=organisation,
        service="cardiology",
        starts_at=NOW,
        ends_at=NOW + timedelta(minutes=30),
        participants=[
            Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi"),
            Participant(id="p-1", role="patient", name="M. Dupont", phone="+41791234567"),
        ],
    )
    return await hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")


# --- Constructing --------------------------------------------------------------------------------


class Untouchable:
    """Fails whoever uses it: constructing looks at nothing and calls nothing."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    async def send(self, message: Sms) -> None:
        raise AssertionError("nothing is sent by constructing")

    def now(self) -> datetime:
        raise AssertionError("constructing asks for no time")

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("constructing waits for nothing")


def no_randomness(_size: int) -> bytes:
    raise AssertionError("constructing draws no randomness")


@EITHER
def test_constructing_does_no_input_or_output_and_starts_nothing(kind: Any, tmp_path: Path) -> None:
    threads = set(threading.enumerate())

    kind(
        **settings(
            store=open_store(f"sqlite:///{tmp_path}/missing/clinic.db"),
            code_store=open_code_store("postgresql://nobody@192.0.2.1/nothing"),
            sms=Untouchable(),
            clock=Untouchable(),
            randomness=no_randomness,
            organisations={"hug": Organisation(sms=Untouchable())},
            ice_servers=[IceServer(urls=["turns:turn.example.ch:443?transport=tcp"], secret="s" * 32)],
        )
    )

    assert list(tmp_path.iterdir()) == []
    assert set(threading.enumerate()) == threads


def test_constructing_loads_no_framework() -> None:
    script = """
import sys
from hugathome import HugAtHome
from hugathome.sms import OutboxSms
from hugathome.stores import open_store

store = open_store("memory://")
HugAtHome(key=bytes(32), store=store, sms=OutboxSms(), site="https://x.ch", timezone="UTC", brand="X")
loaded = {name.partition(".")[0] for name in sys.modules}
print(sorted(loaded & {"aiortc", "av", "starlette", "sqlalchemy", "django"}))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, check=True, capture_output=True, text=True
    )

    assert done.stdout == "[]\n"


@EITHER
@pytest.mark.parametrize(
    "bad",
    [
        {"key": b"x" * 31},
        {"key": "x" * 32},
        {"key": None},
        {"key": {}},
        {"key": {"2026-11": b"short"}},
        {"site": None},
        {"site": ""},
        {"site": "www.example.ch"},
        {"site": "http://www.example.ch"},
        {"site": "ftp://www.example.ch"},
        {"site": "https://"},
        {"site": "https://www.example.ch/visit?a=b"},
        {"site": "https://www.example.ch/visit#code"},
        {"site": "https://user:password@www.example.ch"},
        {"site": "https://www.example.ch/visit\n@evil.example #123456"},
        {"site": "http://127.0.0.1.evil.example/visit"},
        {"site": "http://localhost.evil.example"},
        {"timezone": ""},
        {"timezone": "Europe/Atlantis"},
        {"timezone": "../etc/passwd"},
        {"timezone": "+01:00"},
        {"timezone": None},
        {"brand": ""},
        {"brand": " HUG"},
        {"brand": "HUG\nhome"},
        {"brand": "HUG #1"},
        {"brand": "@evil #1"},
        {"brand": "Hôpital de la Tour"},
        {"brand": "H" * 100},
        {"help_phone": "call us"},
        {"help_phone": "+41 22\n372 33 11"},
        {"language": "es"},
        {"frames": ["ehr.example.ch"]},
        {"frames": ["https://ehr.example.ch/path"]},
        {"frames": ["*"]},
        {"frames": ["https://*.example.ch"]},
        {"frames": ["https://ehr.example.ch; script-src *"]},
        {"frames": ["https://ehr.example.ch;script-src"]},
        {"frames": ["https://user@ehr.example.ch"]},
        {"frames": ["https://ehr.example.ch:99999"]},
        {"frames": ["https://[::1::]"]},
        {"frames": ["https://häuser.example.ch"]},
        {"entry": "javascript:alert(1)//{reference}"},
        {"entry": "\tjavascript:alert(1)"},
        {"privacy_url": "javascript:alert(1)"},
        {"privacy_url": "www.example.ch/privacy"},
        {"organisations": {"hug": Organisation(timezone="Europe/Atlantis")}},
        {"organisations": {"hug": Organisation(brand="HUG #1")}},
        {"organisations": {"hug": Organisation(help_phone="us")}},
        {"organisations": {"hug": Organisation(language="es")}},  # type: ignore[arg-type]
    ],
    ids=ascii,
)
def test_settings_that_cannot_work_are_refused(kind: Any, bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        kind(**settings(**bad))

    assert "xxxxxxxx" not in str(refused.value)
    assert "password" not in str(refused.value)


@pytest.mark.parametrize(
    "site",
    ["https://www.example.ch", "https://www.example.ch/", "https://www.example.ch:8443/a/b", "http://localhost:8000/visit",
     "http://127.0.0.1:8000", "http://127.0.0.9/visit/"],
)  # fmt: skip
def test_a_site_is_taken_with_its_prefix_and_without_a_slash_at_its_end(site: str) -> None:
    assert HugAtHome(**settings(site=site)).site == site.rstrip("/")


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("https://EHR.example.ch:443", "https://ehr.example.ch"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_the_origin_of_a_frame_is_known_by_what_browsers_call_it(given: str, written: str) -> None:
    assert HugAtHome(**settings(frames=[given])).frames == (written,)


@pytest.mark.parametrize("bad", [{"digits": 5}, {"lifetime": timedelta(hours=1)}, {"max_attempts": 0}])
def test_a_policy_that_is_too_weak_cannot_be_made(bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        CodePolicy(**bad)


def test_a_host_is_told_when_link_and_code_need_two_messages(caplog: pytest.LogCaptureFixture) -> None:
    long = "https://telekonsultation.universitaetsspital-beispielstadt.example.ch/patientinnen-und-patienten/besuch"

    hug = HugAtHome(**settings(site=long))

    assert len(hug.notices) == 1
    assert hug.notices[0] in caplog.text
    assert HugAtHome(**settings()).notices == ()


# --- What is used --------------------------------------------------------------------------------


async def test_an_organisation_has_its_own_sms_brand_and_policy_and_else_the_deployments() -> None:
    common, own = OutboxSms(), OutboxSms()
    organisations = {
        "hug": Organisation(),
        "chuv": Organisation(brand="CHUV", sms=own, code_policy=CodePolicy(digits=8), language="de"),
    }
    async with HugAtHome(**settings(sms=common, organisations=organisations, language="fr")) as hug:
        for organisation in ("hug", "chuv"):
            await hug.invite((await planned(hug, organisation=organisation)).id, "p-1")

        assert hug.house("hug").letterhead.brand == "HUG@home"
        assert hug.house("chuv").timezone == hug.house("hug").timezone
        with pytest.raises(InvalidInput):
            hug.house("insel")
    assert "HUG@home" in common.outbox[0].text
    assert "CHUV" in own.outbox[0].text
    assert len(own.outbox[0].text.rpartition("#")[2]) == 8


async def test_codes_may_live_in_a_store_of_their_own(tmp_path: Path) -> None:
    codes = open_code_store(f"sqlite:///{tmp_path}/codes.db")
    async with HugAtHome(**settings(code_store=codes)) as hug:
        await hug.invite((await planned(hug)).id, "p-1")

        assert (tmp_path / "codes.db-codes").exists()
    await codes.aclose()  # type: ignore[attr-defined]


async def test_a_grant_travels_in_the_fragment_only() -> None:
    hug = HugAtHome(**settings())
    grant = hug.grant((await planned(hug)).id, "dr-rossi")

    assert hug.room_url(grant) == f"https://www.example.ch/visit/room#grant={grant.token}"


async def test_closing_twice_is_fine() -> None:
    hug = HugAtHome(**settings())
    await planned(hug)

    await hug.aclose()
    await hug.aclose()


async def test_what_was_closed_leaves_no_task_and_no_thread(tmp_path: Path) -> None:
    await asyncio.to_thread(lambda: None)
    tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
    async with HugAtHome(**settings(store=open_store(f"sqlite:///{tmp_path}/clinic.db"))) as hug:
        await hug.invite((await planned(hug)).id, "p-1")

    assert asyncio.all_tasks() == tasks
    for thread in set(threading.enumerate()) - threads:
        if not thread.name.startswith("asyncio"):  # the loop's own pool goes with the loop
            await asyncio.to_thread(thread.join, 10)
            assert not thread.is_alive()


async def test_nothing_personal_is_logged(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level("DEBUG")
    sms = OutboxSms()
    async with HugAtHome(**settings(store=open_store(f"sqlite:///{tmp_path}/clinic.db"), sms=sms)) as hug:
        invitation = await hug.invite((await planned(hug)).id, "p-1")
        code = sms.outbox[0].text.rpartition("#")[2]
        await hug.check_in(invitation.link_id, code)

    assert code.isdigit()
    for secret in ("Dupont", "Rossi", "791234567", invitation.link_id, code):
        assert secret not in caplog.text


# --- What has had its time -----------------------------------------------------------------------


class NeverForgets(MemoryCodes):
    """A database whose owner has granted no DELETE."""

    async def forget(self, before: datetime, *, limit: int) -> int:
        raise StoreUnavailable("the database refused: ProgrammingError")


def run_due(hug: Any) -> Any:
    due = hug.run_due()
    return drive(due) if inspect.iscoroutine(due) else due


@EITHER
def test_what_is_due_includes_forgetting_codes_that_had_their_time(kind: Any) -> None:
    clock, codes = FakeClock(NOW), MemoryCodes()
    hug = kind(**settings(clock=clock, code_store=codes))
    drive(codes.save(Tally(key="t", since=NOW, count=1, version=1), expected=0))
    clock._now += timedelta(days=2)
    assert run_due(hug) is None
    assert drive(codes.load(Tally, "t")) is not None

    clock._now += timedelta(microseconds=1)
    assert run_due(hug) is None

    assert drive(codes.load(Tally, "t")) is None


@EITHER
def test_codes_that_cannot_be_forgotten_hold_up_nothing(kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert run_due(kind(**settings(code_store=NeverForgets()))) is None

    assert "codes that had their time were not forgotten" in caplog.text
