"""The page on services and needs has the tables of the code; a failure shows them as they should be."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.docs.test_tables import table

from hugathome.errors import ConfigurationError
from hugathome.presets import presets
from hugathome.record.needs import ADJUSTMENTS, EXTRA_TIME, LENGTHENING, SEATS, UNSUITED, Needs
from hugathome.record.services import Service, parse_services
from hugathome.roles import Modality

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "services-and-needs.md"


def minutes(span: timedelta) -> str:
    return f"{span // timedelta(minutes=1)} min"


def row(service: Service) -> tuple[str, ...]:
    return (
        f"`{service.id}`",
        ", ".join(service.modalities),
        minutes(service.length),
        f"{minutes(service.early)} before to {minutes(service.late)} after",
        ", ".join(map(str, service.needed)),
        ", ".join(f"{lead // timedelta(hours=1)} h" for lead in service.reminders),
    )


def of_services() -> str:
    head = ("Service", "By", "Length", "Doors", "Must take part", "Reminders")
    return table(head, map(row, presets().values()))


def of_needs() -> str:
    head = ("Need", "Is proposed as well", "Is not proposed", "Their page", "Time")
    return table(
        head,
        (
            (
                f"`{need}`",
                str(SEATS.get(need, "")),
                ", ".join(each for each in Modality if each in UNSUITED.get(need, ())),
                f"`{ADJUSTMENTS[need]}`" if need in ADJUSTMENTS else "",
                f"× {EXTRA_TIME}" if need in LENGTHENING else "",
            )
            for need in Needs.model_fields
        ),
    )


@pytest.mark.parametrize("expected", [of_services(), of_needs()], ids=["services", "needs"])
def test_a_table_of_the_page_is_the_one_of_the_code(expected: str) -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert expected in text, f"{PAGE.name} should hold:\n\n{expected}"


def test_what_the_page_says_of_queues_and_kinds_is_so() -> None:
    assert [name for name, service in presets().items() if service.on_demand] == ["primary-care"]
    assert [name for name, service in presets().items() if service.kind == "tele-expertise"] == [
        "imaging-expertise"
    ]


def test_the_file_that_the_page_shows_is_refused_for_its_last_service_only() -> None:
    shown = PAGE.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]

    with pytest.raises(ConfigurationError, match="service 'teaching-clinic': needed has two seats"):
        parse_services(shown)
    named = shown.replace('"practitioner", {', '{ role = "practitioner", parts = ["treating"] }, {')
    assert set(parse_services(named)) == {"cardiology", "teaching-clinic"}
