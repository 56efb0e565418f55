"""Records: frozen, validated once, and silent about what they refuse."""

import json
import pickle
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import cached_property
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, Field

from hugathome._model import Instant, Record, ShortText
from hugathome.errors import InvalidInput, InvalidPhoneNumber
from hugathome.roles import AnyRole, OrganisationId, ParticipantId, Role

SECRET = "+41791234567"


def called(text: str) -> str:
    if text == SECRET:
        raise InvalidPhoneNumber("a fixed line")
    return text


class Visit(Record):
    at: Instant
    sealed: bytes = b""
    note: str | None = None

    @cached_property
    def words(self) -> list[str]:
        return (self.note or "").split()


class Knock(Record):
    kind: Literal["knock"] = "knock"


class Bell(Record):
    kind: Literal["bell"] = "bell"
    times: int = 1


class Parcel(Record):
    sender: Annotated[str, Field(alias="from")]


class House(Record):
    visits: tuple[Visit, ...] = ()
    sign: Annotated[Knock | Bell, Field(discriminator="kind")] = Knock()
    phones: Mapping[str, Annotated[str, AfterValidator(called)]] = Field(default_factory=dict)


NOON = datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=2)))


def test_an_instant_is_kept_in_utc() -> None:
    assert Visit(at=NOON).at.isoformat() == "2026-07-01T10:00:00+00:00"


@pytest.mark.parametrize("at", [datetime(2026, 7, 1, 12), "2026-07-01T12:00:00", "noon", None], ids=str)
def test_a_naive_instant_is_refused(at: Any) -> None:
    with pytest.raises(InvalidInput, match="Visit: at: "):
        Visit(at=at)


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+02:00", "9999-12-31T23:59:59-02:00"])
def test_an_instant_that_utc_cannot_say_is_refused(at: Any) -> None:
    with pytest.raises(InvalidInput, match="Visit: at: "):
        Visit(at=at)


def test_a_record_is_frozen() -> None:
    visit = Visit(at=NOON)

    with pytest.raises(ValueError, match="frozen"):
        visit.note = "changed"


def test_a_changed_record_is_another() -> None:
    visit = Visit(at=NOON)

    assert visit.but(note="later").note == "later"
    assert visit.but(note="later") == Visit(at=NOON, note="later")
    assert visit.note is None


def test_what_was_derived_from_a_record_is_not_said_of_a_changed_one() -> None:
    visit = Visit(at=NOON, note="now")

    assert visit.words == ["now"]
    assert visit.words is visit.words
    assert visit.but(note="later on").words == ["later", "on"]
    assert visit == Visit(at=NOON, note="now")


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.binary(),
    st.none() | st.text(st.characters(exclude_categories=["Cs"])),
)
def test_a_record_reads_back_what_it_wrote(at: datetime, sealed: bytes, note: str | None) -> None:
    house = House(visits=(Visit(at=at, sealed=sealed, note=note),), sign=Bell(times=2))

    assert House.from_json(house.to_json()) == house


def test_a_record_survives_a_pickle() -> None:
    house = House(visits=(Visit(at=NOON),))

    assert pickle.loads(pickle.dumps(house)) == house


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"visits": [{"at": f"{SECRET} at noon"}]}, "visits.0.at: "),
        ({"visits": [{"at": NOON, SECRET: 1}]}, "visits.0: "),
        ({"visits": [{"at": NOON, "note": [SECRET]}]}, "visits.0.note: "),
        ({"visits": SECRET}, "visits: "),
        ({"sign": {"kind": SECRET}}, "sign: "),
        ({"sign": {"kind": "bell", "times": SECRET * 2}}, "sign.times: "),
        ({"phones": {"own": SECRET}}, "phones: a fixed line"),
        ({"phones": {SECRET: 4}}, "phones: "),
        ({SECRET: 4}, "Extra inputs are not permitted"),
    ],
    ids=str,
)
def test_a_refusal_names_the_field_and_hides_what_it_held(fields: dict[str, Any], where: str) -> None:
    text = json.dumps(fields, default=str)

    with pytest.raises(InvalidInput) as by_name:
        House(**fields)
    with pytest.raises(InvalidInput) as read:
        House.from_json(text)

    assert SECRET not in f"{by_name.value!r} {read.value!r}"
    assert str(by_name.value).startswith(f"House: {where}")
    assert str(read.value).startswith(f"House: {where}")
    assert by_name.value.__cause__ is read.value.__cause__ is None


def test_our_own_refusal_in_a_field_keeps_its_kind() -> None:
    with pytest.raises(InvalidPhoneNumber):
        House(phones={"own": SECRET})
    with pytest.raises(InvalidPhoneNumber):
        House.from_json(f'{{"phones": {{"own": "{SECRET}"}}}}')


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", "null", "1e999", '{"self": 1}', '{"cls": 1}', '{"fields": 1}', b"\xff", "[" * 10_000],
    ids=lambda text: repr(text)[:20],
)
def test_whatever_is_read_nothing_but_our_error_comes_out(text: str | bytes) -> None:
    with pytest.raises(InvalidInput):
        House.from_json(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NEARLY = st.fixed_dictionaries(
    {},
    optional={"visits": st.lists(st.fixed_dictionaries({"at": JSON})) | JSON, "sign": JSON, "phones": JSON},
)


@given(NEARLY | JSON)
def test_nearly_right_input_gives_a_record_or_our_error(value: Any) -> None:
    try:
        house = House.from_json(json.dumps(value))
    except InvalidInput:
        return
    assert House.from_json(house.to_json()) == house


def test_a_field_with_a_name_of_its_own_on_the_wire_is_named_by_it() -> None:
    with pytest.raises(InvalidInput, match="Parcel: from: "):
        Parcel.from_json('{"from": 3}')


class Person(Record):
    id: ParticipantId
    organisation: OrganisationId
    role: AnyRole


@pytest.mark.parametrize("role", [Role.NURSE, "nurse"])
def test_a_role_may_be_given_by_its_word(role: Any) -> None:
    assert Person(id="n-1", organisation="hug", role=role).role is Role.NURSE


@pytest.mark.parametrize("bad", ["", "x" * 65, "a b", "a/b", "a\n", "ä", "٣"], ids=repr)
def test_an_identifier_is_opaque_and_short(bad: str) -> None:
    with pytest.raises(InvalidInput, match="Person: id: "):
        Person(id=bad, organisation="hug", role=Role.NURSE)
    with pytest.raises(InvalidInput, match="Person: organisation: "):
        Person(id="n-1", organisation=bad, role=Role.NURSE)


def test_a_record_within_another_is_read_by_the_reader_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    text = House(visits=(Visit(at=NOON),)).to_json()

    def never(self: Record, **fields: Any) -> None:
        raise AssertionError("read once more, from Python")

    monkeypatch.setattr(Record, "__init__", never)

    assert House.from_json(text).visits[0].at == NOON


def test_a_record_of_the_cores_own_making_is_like_one_that_was_validated() -> None:
    made = Visit.made(at=NOON, sealed=b"", note=None)

    assert made == Visit.made(at=NOON, sealed=b"", note="now").but(note=None)
    assert Visit.from_json(made.to_json()) == Visit(at=NOON)


class Line(Record):
    text: ShortText


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\x00b", "a\x1b[31mb", "a\x85b", "a\u2028b"])
def test_a_short_text_is_one_line(text: str) -> None:
    with pytest.raises(InvalidInput, match="one line"):
        Line(text=text)


def test_a_short_text_keeps_every_script_and_loses_the_space_around_it() -> None:
    assert Line(text=" Zoë O\u2019Neil \U0001f44b\u200d\U0001f469\u00a0\u05e9\u05dc\n").text == (
        "Zoë O\u2019Neil \U0001f44b\u200d\U0001f469\u00a0\u05e9\u05dc"
    )
