"""What is due of many: what cannot be done of some holds up nobody else."""

from datetime import UTC, datetime, timedelta

from hugathome.app import HugAtHome
from hugathome.organisations import Organisation
from hugathome.presets import presets
from hugathome.record.participants import Participant
from hugathome.sms import OutboxSms
from hugathome.stores import Store, open_store
from hugathome.testing.clock import FakeClock

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
MORE_THAN_A_STORE_IS_ASKED_FOR = 101
HERE = Organisation(services=presets())


def hug_over(store: Store, clock: FakeClock, sms: OutboxSms, **organisations: Organisation) -> HugAtHome:
    return HugAtHome(
        key=b"a key that is only ever used in tests",
        store=store,
        sms=sms,
        site="https://www.example.ch/visit",
        timezone="Europe/Zurich",
        brand="HUG",
        organisations=organisations,
        clock=clock,
    )


async def planned(hug: HugAtHome, organisation: str, starts_at: datetime) -> str:
    session = await hug.sessions.plan(
        organisation=organisation,
        service="cardiology",
        starts_at=starts_at,
        participants=[
            Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi"),
            Participant(id="p-1", role="patient", name="M. Dupont", phone="+41791234567"),
        ],
    )
    return session.id


async def test_an_organisation_that_has_left_holds_up_nobody_elses_reminders() -> None:
    store, clock, sms = open_store("memory://"), FakeClock(NOW), OutboxSms()
    before = hug_over(store, clock, sms, hug=HERE, gone=HERE)
    starts_at = NOW + timedelta(hours=25)
    for _ in range(MORE_THAN_A_STORE_IS_ASKED_FOR):
        await planned(before, "gone", starts_at)
    ours = await planned(before, "hug", starts_at + timedelta(minutes=1))
    await before.sessions.accept(ours, "p-1", recorded_by="dr-rossi")
    await before.invite(ours, "p-1")
    await clock.advance(minutes=61)

    await hug_over(store, clock, sms, hug=HERE).run_due()

    assert [m.kind for m in (await before.sessions.get(ours)).of("p-1").messages] == [
        "invitation",
        "reminder",
    ]
    assert len(sms.outbox) == 2
