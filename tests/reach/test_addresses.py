"""What a code is bound to: a number, or the host's word for who has none, and never one for the other."""

from hypothesis import given
from hypothesis import strategies as st

from hugathome.phone import PhoneNumber
from hugathome.reach.addresses import Unnumbered, read_address


def test_a_number_is_read_back_as_it_was_written() -> None:
    number = PhoneNumber.parse("+41791234567")

    assert read_address(str(number)) == number


@given(reference=st.text())
def test_a_reference_is_read_back_as_it_was_written_and_is_no_number(reference: str) -> None:
    read = read_address(str(Unnumbered(reference)))

    assert read == Unnumbered(reference)
    assert not isinstance(read, PhoneNumber)


def test_a_word_that_looks_like_a_number_is_counted_apart_from_it() -> None:
    assert str(Unnumbered("+41791234567")) != str(PhoneNumber.parse("+41791234567"))


def test_who_it_is_shows_nowhere() -> None:
    assert "urn:pid:77" not in repr(Unnumbered("urn:pid:77"))
