"""A service says what a visit takes, its file says where it is wrong, and a plan is held against it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.record.test_needs import Person

from hugathome.errors import ConfigurationError, InvalidInput
from hugathome.presets import load_services, presets
from hugathome.record.needs import EXTRA_TIME, Needs
from hugathome.record.seats import Seat
from hugathome.record.services import Service, parse_services
from hugathome.roles import Kind, Language, Modality, Part, Role

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PRESETS = presets()

PATIENT = Person("p-1", Role.PATIENT)
DOCTOR = Person("dr-1", Role.PRACTITIONER)
EXPERT = Person("dr-2", Role.PRACTITIONER, Part.EXPERT)
TREATING = Person("dr-1", Role.PRACTITIONER, Part.TREATING)
NURSE = Person("n-1", Role.NURSE)
MOTHER = Person("m-1", Role.RELATED_PERSON, Part.PARENT)
FRIEND = Person("f-1", Role.RELATED_PERSON, Part.COMPANION)
INTERPRETER = Person("i-1", Role.INTERPRETER)
STUDENT = Person("s-1", Role.OBSERVER)


def one(**settings: Any) -> Service:
    return Service(id="cardiology", **settings)


def test_nobody_is_reminded_after_they_may_already_come_in() -> None:
    service = one(early="50 min", reminders=["24 h", "1 h", "50 min"])
    slow = Needs(extra_time=True)

    assert service.leads() == (24 * 60 * MINUTE, 60 * MINUTE, 50 * MINUTE)
    assert service.leads([slow, None]) == (24 * 60 * MINUTE, 75 * MINUTE)
    window = service.window(START, needs=[slow])
    assert all(window.starts_at - lead <= window.opens_at for lead in service.leads([slow]))


# --- A file --------------------------------------------------------------------------------------


def test_a_service_is_a_table_and_what_it_leaves_out_is_the_default() -> None:
    services = parse_services("""
        [cardiology]
        names = { fr = "Cardiologie", de = "Kardiologie" }
        modalities = ["phone", "video"]
        length = "45 min"
        late = "2 h"
        reminders = ["2 days", "24 h"]
        needed = ["patient", { role = "practitioner", parts = ["treating"] }]
        acr = ["eidas2"]
        on_demand = true

        [triage]
    """)

    assert services == {
        "cardiology": Service(
            id="cardiology",
            names={Language.FRENCH: "Cardiologie", Language.GERMAN: "Kardiologie"},
            modalities=(Modality.PHONE, Modality.VIDEO),
            length=45 * MINUTE,
            late=120 * MINUTE,
            reminders=(timedelta(days=2), timedelta(days=1)),
            needed=(Seat(role=Role.PATIENT), Seat(role=Role.PRACTITIONER, parts=(Part.TREATING,))),
            acr=("eidas2",),
            on_demand=True,
        ),
        "triage": Service(id="triage"),
    }


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ('lenght = "20 min"', "there is no setting 'lenght'"),
        ('id = "other"', "there is no setting 'id'"),
        ("length = 20", 'length: a time is "20 min"'),
        ('length = "20 minutes"', 'length: a time is "20 min"'),
        ('length = "٢٠ min"', 'length: a time is "20 min"'),
        ('length = "0 min"', "length: Input should be greater than"),
        ('length = "13 h"', "length: Input should be less than"),
        ('early = "-5 min"', 'early: a time is "20 min"'),
        ('early = "8 days"', "early: Input should be less than"),
        ('typical = "0 min"', "typical: Input should be greater than"),
        ('reminders = "1 h"', "reminders: "),
        ('reminders = ["15 min"]', "a reminder comes after the window has opened"),
        ('reminders = ["1 h", "24 h"]', "reminders stand in the order in which they are sent"),
        ('reminders = ["60 min", "1 h"]', "reminders has something twice"),
        ("modalities = []", "modalities: "),
        ('modalities = ["fax"]', "modalities.0: Input should be 'video', 'audio' or 'phone'"),
        ('modalities = ["video", "video"]', "modalities has something twice"),
        ('kind = "surgery"', "kind: Input should be 'consultation' or 'tele-expertise'"),
        ('kind = "tele-expertise"', "needed has no seat for an expert"),
        ('needed = ["patient", "doctor"]', "needed.1.role: Input should be 'practitioner'"),
        ('needed = ["patient"]', "needed has no patient, or no practitioner"),
        ('needed = ["practitioner"]', "needed has no patient, or no practitioner"),
        (
            'needed = ["patient", "patient", "practitioner"]',
            "needed has two seats that one person could fill",
        ),
        ('welcome = [{ role = "nurse", parts = ["parent"] }]', "welcome.0: nurse has no such part"),
        ('welcome = [{ role = "nurse", part = "parent" }]', "welcome.0: Extra inputs"),
        ("welcome = [3]", "welcome.0: "),
        ('acr = "eidas2"', "acr: "),
        ('acr = ["eidas2", "eidas2"]', "acr has something twice"),
        ('on_demand = "yes"', "on_demand: Input should be a valid boolean"),
        ('names = { es = "Cardiología" }', "names: Input should be 'fr', 'de', 'it', 'rm' or 'en'"),
        ('names = { fr = "" }', "names"),
    ],
)
def test_what_is_wrong_is_said_with_its_service(settings: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_services(f"[triage]\n[cardiology]\n{settings}")

    assert str(refused.value).startswith(f"service 'cardiology': {problem}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "services: there is none"),
        ("[cardiology", "services: "),
        ("[cardiology]\n[cardiology]", "services: Cannot declare ('cardiology',) twice (at line 2"),
        ("cardiology = 3", "service 'cardiology': it is a table of settings"),
        ('["cardiology and more"]', "service 'cardiology and more': id: "),
        (f"a = {'[' * 100_000}", "services: "),
        (f"a = {'9' * 5_000}", "services: "),
        (b"[cardiology]", "services: this takes the text"),
        (None, "services: this takes the text"),
    ],
)
def test_what_is_no_document_of_services_is_refused_as_one(text: Any, problem: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_services(text)

    assert str(refused.value).startswith(problem)


_KNOWN = ["patient", "expert", "20 min", "video", "fr", "role", "parts", ""]
_WORDS = st.sampled_from(_KNOWN) | st.text(max_size=5)
_VALUES = st.recursive(
    _WORDS | st.integers() | st.booleans() | st.floats() | st.none() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=3),
    max_leaves=6,
)


@given(settings=st.dictionaries(st.sampled_from(sorted(Service.model_fields)), _VALUES, max_size=4))
def test_nothing_but_our_own_error_comes_of_any_settings(settings: Mapping[str, Any]) -> None:
    try:
        service = Service(**settings)
    except InvalidInput:
        return
    service.window(START)


@given(text=st.text(max_size=40))
def test_nothing_but_our_own_error_comes_of_any_text(text: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_services(f"[{text}]\nx = 1")


def test_a_file_of_a_host_is_read_and_named_where_it_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "services.toml"

    path.write_text('[cardiology]\nnames = { rm = "Cardiologia" }', encoding="utf-8")
    assert load_services(path)["cardiology"].name("rm") == "Cardiologia"

    path.write_text("[cardiology]\nlength = 20", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"services\.toml: service 'cardiology': length"):
        load_services(path)

    path.write_bytes(b"\xff")
    for unreadable in (path, tmp_path, tmp_path / "none.toml", "\0"):
        with pytest.raises(ConfigurationError, match="cannot be read"):
            load_services(unreadable)


# --- The presets ---------------------------------------------------------------------------------


def test_there_is_a_preset_for_each_kind_of_work() -> None:
    assert set(PRESETS) == {
        *("primary-care", "oncology", "paediatrics", "cardiology", "psychiatry", "dermatology"),
        *("home-care", "nursing-home", "imaging-expertise"),
    }
    assert {service.kind for service in PRESETS.values()} == set(Kind)


@pytest.mark.parametrize("service", PRESETS.values(), ids=PRESETS)
def test_nobody_watches_in_a_preset_and_an_interpreter_may_always_be_asked(service: Service) -> None:
    deaf = Person("p-1", Role.PATIENT, needs=Needs(sign_language="ssr"))
    there = [deaf, DOCTOR, TREATING, EXPERT, NURSE, MOTHER]
    needed = [who for who in there if any(seat.is_for(who) for seat in service.needed)]

    service.refuse_unfit([*needed, INTERPRETER], modality=service.modality_for([deaf.needs]))
    with pytest.raises(InvalidInput, match="no seat for: observer"):
        service.refuse_unfit([*needed, STUDENT], modality="video")


# --- What is asked of a service ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("service", "participants"),
    [
        ("cardiology", [PATIENT, DOCTOR]),
        ("cardiology", [PATIENT, DOCTOR, FRIEND, NURSE, INTERPRETER, EXPERT]),
        ("paediatrics", [PATIENT, DOCTOR, MOTHER]),
        ("home-care", [PATIENT, DOCTOR, NURSE]),
        ("imaging-expertise", [PATIENT, TREATING, EXPERT]),
    ],
)
def test_a_plan_with_everybody_whom_the_service_needs_is_fit(
    service: str, participants: list[Person]
) -> None:
    PRESETS[service].refuse_unfit(participants, modality="video")


@pytest.mark.parametrize(
    ("service", "participants", "problem"),
    [
        ("cardiology", [PATIENT], "needs: practitioner"),
        ("cardiology", [PATIENT, DOCTOR, STUDENT], "has no seat for: observer"),
        ("paediatrics", [PATIENT, DOCTOR], "needs: related-person (parent or guardian)"),
        ("paediatrics", [PATIENT, DOCTOR, FRIEND], "needs: related-person (parent or guardian)"),
        ("home-care", [PATIENT], "needs: practitioner, nurse"),
        ("imaging-expertise", [PATIENT, TREATING], "needs: practitioner (expert)"),
        ("imaging-expertise", [PATIENT, DOCTOR, EXPERT], "has no seat for: practitioner"),
        (
            "imaging-expertise",
            [PATIENT, TREATING, EXPERT, FRIEND],
            "has no seat for: related-person (companion)",
        ),
    ],
)
def test_a_plan_is_refused_in_words_that_tell_nobody_which_service_it_was(
    service: str, participants: list[Person], problem: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        PRESETS[service].refuse_unfit(participants, modality="video")

    assert str(refused.value) == f"this service {problem}"


def test_a_need_opens_a_seat_that_the_service_has_not() -> None:
    strict = one(welcome=())
    helped = Person("p-1", Role.PATIENT, needs=Needs(companion=True))

    strict.refuse_unfit([helped, DOCTOR, FRIEND], modality="video")
    with pytest.raises(InvalidInput, match="no seat for: related-person"):
        strict.refuse_unfit([PATIENT, DOCTOR, FRIEND], modality="video")


def test_a_visit_is_held_in_a_way_that_the_service_has() -> None:
    with pytest.raises(InvalidInput, match="this service is held by video or audio"):
        one(modalities=("video", "audio")).refuse_unfit([PATIENT, DOCTOR], modality="phone")


def test_the_first_way_that_suits_is_proposed_and_else_the_first() -> None:
    deaf = Needs(sign_language="sgg")

    assert PRESETS["oncology"].modality_for() is Modality.VIDEO
    assert one(modalities=("phone", "audio", "video")).modality_for([None, deaf]) is Modality.VIDEO
    assert one(modalities=("phone",)).modality_for([deaf]) is Modality.PHONE


def test_whoever_is_queued_waits_for_the_one_who_takes_them() -> None:
    service = one(on_demand=True, needed=("patient", "practitioner", "nurse"))

    service.refuse_unfit([PATIENT, NURSE], modality="video", is_queued=True)
    with pytest.raises(InvalidInput, match="this service needs: nurse"):
        service.refuse_unfit([PATIENT], modality="video", is_queued=True)


def test_a_question_that_is_queued_waits_for_the_expert_and_has_an_asker() -> None:
    service = PRESETS["imaging-expertise"].but(on_demand=True)

    service.refuse_unfit([PATIENT, TREATING], modality="video", is_queued=True)
    with pytest.raises(InvalidInput, match=r"this service needs: practitioner \(treating\)"):
        service.refuse_unfit([PATIENT], modality="video", is_queued=True)


def test_a_service_by_appointment_has_no_queue() -> None:
    with pytest.raises(InvalidInput, match="this service has no queue"):
        one().refuse_unfit([PATIENT, DOCTOR], modality="video", is_queued=True)


def test_a_window_opens_and_closes_as_the_service_says() -> None:
    window = one(length=40 * MINUTE, early=10 * MINUTE, late=20 * MINUTE).window(START)

    assert window.opens_at == START - 10 * MINUTE
    assert window.ends_at == START + 40 * MINUTE
    assert window.closes_at == START + 60 * MINUTE


def test_whoever_needs_time_has_more_of_it_and_an_end_that_was_named_stays() -> None:
    service, slow = one(length=40 * MINUTE, early=10 * MINUTE, late=20 * MINUTE), Needs(extra_time=True)

    free = service.window(START, needs=[None, slow])
    named = service.window(START, START + 30 * MINUTE, needs=[slow])

    assert free.ends_at == START + 40 * MINUTE * EXTRA_TIME
    assert free.opens_at == named.opens_at == START - 10 * MINUTE * EXTRA_TIME
    assert named.ends_at == START + 30 * MINUTE
    assert named.closes_at == named.ends_at + 20 * MINUTE * EXTRA_TIME


@pytest.mark.parametrize("start", [START.replace(tzinfo=None), datetime.max.replace(tzinfo=UTC), "now", None])
def test_a_window_begins_at_a_time_that_there_is(start: Any) -> None:
    with pytest.raises(InvalidInput):
        one().window(start)


def test_a_visit_takes_as_long_as_ever_while_the_clock_goes_back() -> None:
    starts_at = datetime(2026, 10, 25, 2, 50, tzinfo=ZoneInfo("Europe/Zurich"))

    window = one(length=20 * MINUTE).window(starts_at)

    assert window.ends_at - window.starts_at == 20 * MINUTE


def test_a_service_trusts_whoever_signed_in_as_it_asks() -> None:
    asking = one(acr=("eidas2", "eidas3"))

    assert asking.trusts("eidas3")
    assert not asking.trusts("eidas1")
    assert not asking.trusts(None)
    assert one().trusts(None)


def test_a_service_is_called_what_the_host_calls_it_or_by_its_identifier() -> None:
    service = one(names={"fr": "Cardiologie"})

    assert (service.name("fr"), service.name(Language.GERMAN)) == ("Cardiologie", "cardiology")
