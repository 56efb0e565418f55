"""How a practitioner must have signed in at the host, where a service asks for it."""

from datetime import UTC, datetime, timedelta

import pytest

from hugathome import InvalidInput, Organisation, Participant, Session
from hugathome.errors import GrantRefused, SignInTooWeak
from hugathome.record.services import parse_services
from hugathome.testing import FakeHugAtHome, Robot

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
SUBSTANTIAL, HIGH = "http://eidas.europa.eu/LoA/substantial", "http://eidas.europa.eu/LoA/high"
SERVICES = parse_services(f"""
[cardiology]
acr = ["{SUBSTANTIAL}", "{HIGH}"]

[dermatology]
""")
VOUCHED = {"iss": "https://login.example.ch", "sub": "rossi", "acr": HIGH, "gln": "7601000000002"}


def deployment() -> FakeHugAtHome:
    return FakeHugAtHome(now=NOW, services=SERVICES)


async def planned(hug: FakeHugAtHome, service: str = "cardiology") -> Session:
    session = await hug.sessions.plan(
        organisation="hug",
        service=service,
        starts_at=NOW + timedelta(minutes=10),
        participants=[
            Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi"),
            Participant(id="p-1", role="patient", name="M. Dupont", phone="+41791234567"),
        ],
    )
    return await hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")


@pytest.mark.parametrize(
    "claims", [None, {}, {"acr": "password"}, {"acr": 3}, {"acr": [HIGH]}, {"ACR": HIGH}]
)
async def test_whoever_has_signed_in_too_weakly_does_not_come_in(claims: dict[str, object] | None) -> None:
    async with deployment() as hug:
        grant = hug.grant((await planned(hug)).id, "dr-rossi", claims=claims)

        with pytest.raises(SignInTooWeak) as refused:
            await hug.visit_pass(grant.token)
        with pytest.raises(GrantRefused):
            async with Robot.from_grant(grant, at=hug.here, media=False):
                pass

    assert refused.value.acr == (SUBSTANTIAL, HIGH)


async def test_what_the_host_vouches_for_goes_from_the_grant_into_the_pass_and_every_grant_after_it() -> None:
    async with deployment() as hug:
        grant = hug.grant((await planned(hug)).id, "dr-rossi", claims=VOUCHED)

        visit_pass = await hug.visit_pass(grant.token)
        again = await hug.regrant(visit_pass.token)
        async with Robot.from_grant(again, at=hug.here, media=False):
            pass

    assert again.claims == VOUCHED


async def test_a_patient_needs_no_other_sign_in_than_the_code() -> None:
    async with deployment() as hug:
        session = await planned(hug)
        invitation = await hug.invite(session.id, "p-1")

        grant = await hug.check_in(invitation.link_id, hug.outbox.last(to="+41791234567").code or "")

        assert (await hug.visit_pass(grant.token)).participant == "p-1"


async def test_a_service_that_asks_for_nothing_takes_any_sign_in() -> None:
    async with deployment() as hug:
        grant = hug.grant((await planned(hug, "dermatology")).id, "dr-rossi")

        assert (await hug.visit_pass(grant.token)).participant == "dr-rossi"


async def test_a_deployment_has_its_services_and_an_organisation_may_have_others() -> None:
    organisations = {"hug": Organisation(), "chuv": Organisation(services=parse_services("[oncology]"))}
    async with FakeHugAtHome(now=NOW, services=SERVICES, organisations=organisations) as hug:
        assert (await planned(hug)).window.ends_at == NOW + timedelta(minutes=30)
        with pytest.raises(InvalidInput):
            await planned(hug, "oncology")
