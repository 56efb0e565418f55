"""Offers: whose insurance pays, what must be said, and which offers meet a wish."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from hugathome.errors import InvalidInput
from hugathome.record.imaging import Territory
from hugathome.record.offers import UNKNOWN_COVER, Cover, Coverage, Offer, Price, Slot, Wish, meeting, notice
from hugathome.record.participants import Participant
from hugathome.roles import Language

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
DOCTOR = Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi")


def offer(**changes: Any) -> Offer:
    return Offer(
        **{
            "id": "rossi/cardiology",
            "organisation": "hug",
            "service": "cardiology",
            "practitioner": DOCTOR,
            "discipline": "cardiology",
            "languages": ("fr", "de-CH"),
            "registered_in": Territory(nation="CH", region="GE"),
            "price": Price(amount=Decimal("120.50"), currency="CHF"),
            "coverage": Coverage(covered_in=frozenset({"CH"})),
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("coverage", "nation", "cover"),
    [
        (Coverage(), "CH", Cover.NOT_COVERED),
        (Coverage(), None, Cover.NOT_COVERED),
        (Coverage(covered_in=frozenset({"CH"})), "CH", Cover.COVERED),
        (Coverage(covered_in=frozenset({"CH"})), "FR", Cover.NOT_COVERED),
        (Coverage(covered_in=frozenset({"CH"})), None, Cover.UNKNOWN),
        (Coverage(covered_in=frozenset({"CH"}), condition="with a referral"), "CH", Cover.ON_CONDITION),
    ],
)
def test_whose_insurance_pays(coverage: Coverage, nation: str | None, cover: Cover) -> None:
    assert coverage.for_patient_of(nation) is cover


@pytest.mark.parametrize("language", Language)
def test_where_the_patients_place_is_unknown_the_notice_must_be_shown(language: Language) -> None:
    assert notice(offer(), nation=None, language=language) == UNKNOWN_COVER[language]
    assert notice(offer(), nation="CH", language=language) is None


def test_a_condition_is_said_where_it_applies() -> None:
    conditional = offer(coverage=Coverage(covered_in=frozenset({"FR"}), condition="seen within a year"))

    assert notice(conditional, nation="FR", language="fr") == "seen within a year"
    assert notice(conditional, nation="CH", language="fr") is None


@pytest.mark.parametrize(
    ("wish", "is_met"),
    [
        (Wish(), True),
        (Wish(service="cardiology", discipline="cardiology", modality="video", nation="CH"), True),
        (Wish(language="de"), True),
        (Wish(language="de-CH"), True),
        (Wish(language="de-AT"), False),
        (Wish(language="d" * 3), False),
        (Wish(service="oncology"), False),
        (Wish(discipline="oncology"), False),
        (Wish(modality="phone"), False),
        (Wish(nation="FR"), False),
    ],
    ids=str,
)
def test_a_wish_is_met_by_an_offer_that_has_all_of_it(wish: Wish, is_met: bool) -> None:
    assert meeting(wish, [offer()]) == ((offer(),) if is_met else ())


@pytest.mark.parametrize(
    "changes",
    [
        {"practitioner": Participant(id="p-1", role="patient", name="M. Dupont")},
        {"languages": ()},
        {"languages": ("french",)},
        {"modalities": ()},
        {"price": {"amount": "-1", "currency": "CHF"}},
        {"price": {"amount": "1.005", "currency": "CHF"}},
        {"price": {"amount": "1", "currency": "francs"}},
        {"coverage": {"covered_in": ["Switzerland"]}},
    ],
    ids=str,
)
def test_an_offer_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        offer(**changes)


@pytest.mark.parametrize("ends_at", [NOW, NOW - timedelta(minutes=1)])
def test_a_slot_takes_time(ends_at: datetime) -> None:
    with pytest.raises(InvalidInput):
        Slot(id="s", starts_at=NOW, ends_at=ends_at)
