"""One spelling for each number, and the kinds that are refused."""

import pickle
import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugathome._model import Record
from hugathome.errors import InvalidInput, InvalidPhoneNumber
from hugathome.phone import AnyPhone, NumberType, PhoneNumber

MOBILE = "+41791234567"

SPELLINGS = [
    "+41791234567",
    "+41 79 123 45 67",
    "+41 (0)79 123 45 67",
    "(+41) 79 123 45 67",
    "0041791234567",
    "00 41 79 123 45 67",
    "tel:+41-79-123-45-67",
    "TEL:+41791234567",
    "+41.79.123.45.67",
    "+41\N{EN DASH}79\N{NON-BREAKING HYPHEN}123 45 67",
    "+41\N{NO-BREAK SPACE}79\N{NARROW NO-BREAK SPACE}123 45 67",
    "+٤١٧٩١٢٣٤٥٦٧",
    "\N{FULLWIDTH PLUS SIGN}41７91２34567",  # noqa: RUF001
    "+4179\N{ZERO WIDTH SPACE}1234567",
    "+41\N{SOFT HYPHEN}79\N{SOFT HYPHEN}1234567",
    "\N{LEFT-TO-RIGHT EMBEDDING}+41791234567\N{POP DIRECTIONAL FORMATTING}",
    "  +41791234567\r\n",
]


@pytest.mark.parametrize("spelling", SPELLINGS, ids=ascii)
def test_every_spelling_of_a_number_is_the_same_number(spelling: str) -> None:
    number = PhoneNumber.parse(spelling)

    assert str(number) == MOBILE
    assert {number} == {PhoneNumber.parse(MOBILE)}


@pytest.mark.parametrize(
    "spelling", ["079 123 45 67", "079/123.45.67", "79 123 45 67", "0041 79 123 45 67", MOBILE]
)
def test_the_national_form_is_read_in_the_region_that_is_named(spelling: str) -> None:
    assert str(PhoneNumber.parse(spelling, region="CH")) == MOBILE


def test_one_national_form_is_two_numbers_in_two_regions() -> None:
    assert str(PhoneNumber.parse("079 123 45 67", region="FR")) == "+33791234567"


def test_the_national_form_without_region_is_refused() -> None:
    with pytest.raises(InvalidPhoneNumber, match="region="):
        PhoneNumber.parse("079 123 45 67")


@pytest.mark.parametrize("region", ["ch", "", "Switzerland", "001", "XX"])
@pytest.mark.parametrize("text", ["079 123 45 67", MOBILE])
def test_a_region_that_does_not_exist_is_refused(text: str, region: str) -> None:
    with pytest.raises(InvalidInput, match="ISO 3166"):
        PhoneNumber.parse(text, region=region)


@pytest.mark.parametrize(
    ("text", "kind", "region", "takes_sms"),
    [
        (MOBILE, "mobile", "CH", True),
        ("+33612345678", "mobile", "FR", True),
        ("+41223723311", "fixed-line", "CH", False),
        ("+390612345678", "fixed-line", "IT", False),
        ("+12125551234", "fixed-line-or-mobile", "US", True),
        ("+33912345678", "voip", "FR", False),
        ("+18765551234", "mobile", "JM", True),
        ("+447624123456", "mobile", "IM", True),
        ("+881612345678", "mobile", "001", True),
    ],
)
def test_a_number_tells_its_kind_and_region(text: str, kind: str, region: str, takes_sms: bool) -> None:
    number = PhoneNumber.parse(text)

    assert (number.kind, number.region, number.takes_sms) == (NumberType(kind), region, takes_sms)
    assert str(number) == text


def test_a_prefix_is_the_number_less_its_last_four_digits() -> None:
    assert PhoneNumber.parse(MOBILE).prefix == "+4179123"


REFUSED = {
    "extension of RFC 3966": "+41791234567;ext=1",
    "extension by x": "+41791234567x99",
    "extension by pause": "+41791234567,,123#",
    "extension by hash": "+33 6 12 34 56 78 #99",
    "sub-address": "tel:+41-79-123-45-67;isub=12345",
    "phone-context": "tel:079-123-45-67;phone-context=+41",
    "vanity": "+41 79 ABC DEFG",
    "premium": "+41900123456",
    "shared cost": "+41842123456",
    "toll-free": "+41800123456",
    "UAN": "+41581234567",
    "personal": "+41878123456",
    "personal, GB": "+447012345678",
    "pager": "+41740123456",
    "voicemail": "+41860791234567",
    "international premium": "+979123456789",
    "international network": "+883510012345",
    "no such number": "+41791234",
    "no such country": "+999123456789",
    "too many digits": "+491761234567812",
    "empty": "",
    "plus only": "+",
    "two plus": "++41791234567",
    "plus inside": "41+791234567",
    "circled digit": "+41\N{CIRCLED DIGIT SEVEN}91234567",
    "superscript digit": "+41\N{SUPERSCRIPT SEVEN}91234567",
    "two numbers": "+41791234567 / +41791234568",
    "41 characters": MOBILE + " " * 29,
    "NUL": "+41791234567\0",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_is_no_number_of_a_person_is_refused(text: str) -> None:
    with pytest.raises(InvalidPhoneNumber) as refused:
        PhoneNumber.parse(text)

    assert not re.search("[0-9]{3}", str(refused.value))


@pytest.mark.parametrize("region", ["CH", "FR", "DE", "FI", "JE", "TK", "AT"])
@pytest.mark.parametrize(
    "text", ["144", "117", "112", "15", "145", "114", "36100", "12345", "3939", "116117"]
)
def test_short_numbers_are_refused_in_every_region(text: str, region: str) -> None:
    with pytest.raises(InvalidPhoneNumber):
        PhoneNumber.parse(text, region=region)


@pytest.mark.parametrize("value", [None, 41791234567, b"+41791234567", ["+41791234567"]])
def test_what_is_not_text_is_refused(value: Any) -> None:
    with pytest.raises(InvalidPhoneNumber, match="text"):
        PhoneNumber.parse(value)


@given(
    st.text(max_size=60) | st.text("+0123456789 ()-/.x;,#", max_size=45), st.sampled_from([None, "CH", "US"])
)
def test_nothing_but_our_own_error_comes_out(text: str, region: str | None) -> None:
    try:
        number = PhoneNumber.parse(text, region=region)
    except InvalidPhoneNumber:
        return
    assert PhoneNumber.parse(str(number)) == number


def test_neither_repr_shows_a_digit_of_the_number() -> None:
    assert repr(PhoneNumber.parse(MOBILE)) == "PhoneNumber(CH, mobile)"


def test_a_number_survives_a_pickle() -> None:
    number = PhoneNumber.parse(MOBILE)

    thawed = pickle.loads(pickle.dumps(number))

    assert (thawed, thawed.kind, thawed.region) == (number, number.kind, number.region)


class Callee(Record):
    phone: AnyPhone | None = None


@pytest.mark.parametrize("given_as", [MOBILE, "+41 79 123 45 67", PhoneNumber.parse(MOBILE)])
def test_a_record_takes_text_or_number_and_holds_a_number(given_as: PhoneNumber | str) -> None:
    callee = Callee(phone=given_as)

    assert callee.phone == PhoneNumber.parse(MOBILE)
    assert callee.to_json() == '{"phone":"+41791234567"}'
    assert Callee.from_json(callee.to_json()) == callee


def test_a_record_without_a_number_stays_without() -> None:
    assert Callee.from_json(Callee().to_json()).phone is None


@pytest.mark.parametrize("value", ["079 123 45 67", "+41900123456", 41791234567])
def test_a_record_refuses_a_bad_number_without_showing_it(value: Any) -> None:
    with pytest.raises(InvalidInput, match="Callee: phone") as refused:
        Callee(phone=value)

    assert "123" not in str(refused.value)


def test_the_tables_are_not_loaded_before_a_number_is_read() -> None:
    script = "import sys, hugathome.phone; sys.exit('phonenumbers' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_number_equals_its_e164_text_and_nothing_else() -> None:
    number = PhoneNumber.parse("079 123 45 67", region="CH")

    assert number == "+41791234567"
    assert hash(number) == hash("+41791234567")
    assert number != "079 123 45 67"
    assert number != 41791234567
