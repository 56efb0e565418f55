"""Studies that are referred to, and how near two places are."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugathome.errors import InvalidInput
from hugathome.record.imaging import (
    MOST_KEY_IMAGES,
    ImagingStudyRef,
    KeyImage,
    Nearness,
    Site,
    Territory,
    nearness,
)

STUDY = "1.2.840.113619.2.62.994044785528.114289542805"
IMAGE = KeyImage(series_uid="1.2.3.4", instance_uid="1.2.3.4.5")
ROOT = "https://pacs.example.ch/dicomweb"

GENEVA = Territory(territory="Geneva", department="Geneva", region="Lake Geneva", nation="CH")


def study(**fields: Any) -> ImagingStudyRef:
    return ImagingStudyRef(**{"study_uid": STUDY, "modality": "CT", **fields})


# --- Studies ----------------------------------------------------------------------------------------


def test_a_study_is_found_by_its_identifiers_and_its_server() -> None:
    ref = study(accession_number="A-4711", dicomweb=f"{ROOT}/", key_images=[IMAGE])

    assert ref.address == f"{ROOT}/studies/{STUDY}"
    assert ref.address_of(IMAGE) == f"{ROOT}/studies/{STUDY}/series/1.2.3.4/instances/1.2.3.4.5"
    assert ImagingStudyRef.from_json(ref.to_json()) == ref


def test_a_study_without_a_server_has_no_address() -> None:
    assert study().address is None
    assert study().address_of(IMAGE) is None


def test_what_leads_to_a_patient_is_not_shown() -> None:
    shown = repr(study(accession_number="A-4711", dicomweb=ROOT, key_images=[IMAGE]))

    assert "CT" in shown
    assert [part for part in (STUDY, "A-4711", ROOT, "1.2.3.4") if part in shown] == []


@pytest.mark.parametrize("uid", ["0", "1", "1.0.2", "2.25.329800735698586629295641978511506172918", "9" * 64])
def test_a_unique_identifier_is_taken(uid: str) -> None:
    assert study(study_uid=uid).study_uid == uid


@pytest.mark.parametrize(
    "uid",
    [
        "",
        ".",
        "1.",
        ".1",
        "1..2",
        "01.2",
        "1.02",
        "1.00",
        "1.2a",
        "1,2",
        " 1.2",
        "1.2\n",
        "1.٢",
        "9" * 65,
        "-1",
    ],
)
def test_what_is_no_unique_identifier_is_refused_without_being_quoted(uid: str) -> None:
    with pytest.raises(InvalidInput, match=r"^ImagingStudyRef: study_uid: ") as refused:
        study(study_uid=uid)

    assert len(uid) < 3 or uid not in str(refused.value)


@given(st.text("0123456789.", max_size=70))
def test_identifiers_are_those_of_the_standard(text: str) -> None:
    parts = text.split(".")
    is_one = len(text) <= 64 and all(part and (part == "0" or part[0] != "0") for part in parts)

    try:
        taken = study(study_uid=text).study_uid == text
    except InvalidInput:
        taken = False

    assert taken is is_one


@pytest.mark.parametrize("modality", ["CT", "MR", "US", "XA", "IO", "RTSTRUCT"])
def test_the_code_of_a_modality_is_taken(modality: str) -> None:
    assert study(modality=modality).modality == modality


@pytest.mark.parametrize("modality", ["", "ct", "C T", "CT\\MR", "CT\n", "X" * 17, "1CT", "video"])
def test_what_is_no_code_of_a_modality_is_refused(modality: str) -> None:
    with pytest.raises(InvalidInput, match="modality"):
        study(modality=modality)


@pytest.mark.parametrize("number", ["", "   ", "A" * 17, "A\\B", "A\nB", "A\x00"])
def test_what_is_no_accession_number_is_refused(number: str) -> None:
    with pytest.raises(InvalidInput, match="accession_number"):
        study(accession_number=number)


@pytest.mark.parametrize(
    ("root", "kept"),
    [
        (ROOT, ROOT),
        (f"{ROOT}/", ROOT),
        ("https://pacs.example.ch", "https://pacs.example.ch"),
        ("https://pacs:8443/aets/A@B/rs", "https://pacs:8443/aets/A@B/rs"),
    ],
)
def test_a_root_is_kept_without_a_slash_at_its_end(root: str, kept: str) -> None:
    assert study(dicomweb=root).dicomweb == kept


@pytest.mark.parametrize(
    "root",
    [
        "http://pacs.example.ch/dicomweb",
        "https://user:secret@pacs.example.ch/dicomweb",
        "https://secret@pacs.example.ch/dicomweb",
        "https://pacs.example.ch/dicomweb?token=secret",
        "https://pacs.example.ch/dicomweb?",
        "https://pacs.example.ch/dicomweb#secret",
        "https://pacs.example.ch/dicomweb#",
        "https://pacs.example.ch\\@elsewhere.example/dicomweb",
        "https://pacs.example.ch/dicom web",
        "https://pacs.example.ch/dicomweb\n",
        "https://pacs.example.ch:99999/dicomweb",
        "https://pacs.example.ch:0/dicomweb",
        "https:///dicomweb",
        "//pacs.example.ch/dicomweb",
        "javascript:alert(1)",
        "https://pacs.example.ch/" + "x" * 1000,
        "",
    ],
)
def test_a_root_that_is_not_https_or_carries_more_than_a_place_is_refused(root: str) -> None:
    with pytest.raises(InvalidInput, match="dicomweb") as refused:
        study(dicomweb=root)

    assert "secret" not in str(refused.value)


def test_key_images_are_few() -> None:
    assert len(study(key_images=[IMAGE] * MOST_KEY_IMAGES).key_images) == MOST_KEY_IMAGES
    with pytest.raises(InvalidInput, match="key_images"):
        study(key_images=[IMAGE] * (MOST_KEY_IMAGES + 1))


# --- Places -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (GENEVA, Nearness.TERRITORY),
        (GENEVA.but(department="Nyon", region=None), Nearness.TERRITORY),
        (GENEVA.but(territory="Nyon"), Nearness.DEPARTMENT),
        (GENEVA.but(territory=None), Nearness.DEPARTMENT),
        (GENEVA.but(territory="Nyon", department="Vaud"), Nearness.REGION),
        (Territory(region="Lake Geneva", nation="CH"), Nearness.REGION),
        (Territory(region="Zurich", nation="CH"), Nearness.NATION),
        (Territory(nation="CH"), Nearness.NATION),
        (GENEVA.but(nation="US"), Nearness.ELSEWHERE),
    ],
)
def test_places_are_as_near_as_the_smallest_thing_they_share(other: Territory, expected: Nearness) -> None:
    assert nearness(GENEVA, other) is expected
    assert nearness(other, GENEVA) is expected


def test_what_nobody_knows_is_not_shared() -> None:
    assert nearness(GENEVA, None) is nearness(None, GENEVA) is nearness(None, None) is Nearness.ELSEWHERE
    assert nearness(Territory(nation="CH"), Territory(nation="CH")) is Nearness.NATION


def test_experts_are_asked_in_the_order_of_their_nearness_and_then_of_the_host() -> None:
    places: dict[str, Territory | None] = {
        "nowhere": None,
        "abroad": GENEVA.but(nation="US"),
        "nation-b": Territory(region="Zurich", nation="CH"),
        "nation-a": Territory(region="Bern", nation="CH"),
        "region": Territory(department="Vaud", region="Lake Geneva", nation="CH"),
        "here": GENEVA,
    }
    sites = [Site(name=name, territory=territory) for name, territory in places.items()]

    nearest = sorted(sites, key=lambda site: nearness(GENEVA, site.territory))

    assert [site.name for site in nearest] == ["here", "region", "nation-b", "nation-a", "nowhere", "abroad"]


@pytest.mark.parametrize("nation", ["", "ch", "CHE", "C", "756", "CH\n"])
def test_a_nation_is_two_capitals(nation: str) -> None:
    with pytest.raises(InvalidInput, match="nation"):
        Territory(nation=nation)
