"""What was made or used before a fork serves in every child, as it does under gunicorn's preload."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PRELOADED = """
import asyncio, os, sys
from datetime import UTC, datetime, timedelta
from hugathome import HugAtHome, Participant
from hugathome import blocking
from hugathome.sms import OutboxSms
from hugathome.stores import open_store

NOW = datetime.now(UTC)
settings = dict(
    key=b"a secret of thirty-two bytes, no", store=open_store(sys.argv[1]), sms=OutboxSms(),
    site="https://www.example.ch/visit", timezone="Europe/Zurich", brand="HUG",
)
on_a_loop, without = HugAtHome(**settings), blocking.HugAtHome(**settings)

def asked(number):
    people = [
        Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi"),
        Participant(id="p-1", role="patient", name="M. Dupont", phone="+41791234567"),
    ]
    return dict(
        organisation="hug", service="cardiology", starts_at=NOW + timedelta(hours=1),
        ends_at=NOW + timedelta(hours=2), participants=people, reference=f"appointment/{number}",
    )

async def serve(who):
    async with on_a_loop as hug:
        for number in range(5):
            await hug.sessions.plan(**asked(f"{who}.{number}"))

def work(who):
    asyncio.run(serve(f"loop.{who}"))
    with without as hug:
        for number in range(5):
            hug.sessions.plan(**asked(f"blocking.{who}.{number}"))

children = []
for child in range(3):
    pid = os.fork()
    if not pid:
        try:
            work(child)
        except BaseException as failed:
            print(type(failed).__name__, failed, flush=True)
            os._exit(1)
        os._exit(0)
    children.append(pid)
work("parent")
ends = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
with blocking.HugAtHome(**settings) as hug:
    told = [event.position for event in hug.events(organisation="hug")]
    print(ends, told == list(range(1, 41)), hug.verify_audit(organisation="hug").position)
"""

USED = """
import os, sys
from hugathome._drive import drive
from hugathome.stores import open_store

store = open_store(sys.argv[1]).for_blocking()

def work():
    for _ in range(30):
        assert drive(store.sessions.load_events("hug", after=0, limit=9)) == []
        assert drive(store.sessions.next_due()) is None

work()
children = []
for child in range(3):
    pid = os.fork()
    if not pid:
        try:
            work()
            drive(store.aclose())
        except BaseException as failed:
            print(type(failed).__name__, failed, flush=True)
            os._exit(1)
        os._exit(0)
    children.append(pid)
work()
print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children])
work()
drive(store.aclose())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system forks nothing")
@pytest.mark.parametrize(
    ("program", "said"), [(PRELOADED, "[0, 0, 0] True 40"), (USED, "[0, 0, 0]")], ids=["made", "used"]
)
def test_what_was_made_or_used_before_a_fork_serves_in_parent_and_children(
    database: str, program: str, said: str
) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}

    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, database],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ran.stdout, ran.stderr) == (f"{said}\n", "")
