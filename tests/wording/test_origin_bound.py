"""What a phone reads from the last line of a message, by the algorithm of the draft."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugathome.wording.origin_bound import OriginBoundCode, is_host, parse_origin_bound

LINES = st.text("@#% \t\n\rab1.-", max_size=40)
HOSTS = st.from_regex(r"[a-z0-9]{1,20}(\.[a-z0-9]{1,10}){0,3}", fullmatch=True)
CODES = st.from_regex("[0-9]{6,8}", fullmatch=True)


def drafted(message: str) -> OriginBoundCode | None:
    """Read a message by the steps of the draft's section "Parsing", one after another."""
    line = message.replace("\r\n", "\n").replace("\r", "\n").split("\n")[-1]
    position = 0

    def marked_token(marker: str) -> str | None:
        nonlocal position
        if position >= len(line) or line[position] != marker:
            return None
        position += 1
        start = position
        while position < len(line) and line[position] not in "\t\n\f\r ":
            position += 1
        return line[start:position] or None

    host = marked_token("@")
    if host is None or not is_host(host) or position >= len(line) or line[position] != " ":
        return None
    position += 1
    code = marked_token("#")
    if code is None:
        return None
    embedded = None
    if position < len(line) and line[position] == " ":
        position += 1
        embedded = marked_token("@")
    if embedded is not None and not is_host(embedded):
        embedded = None
    return OriginBoundCode(host=host, code=code, embedded_host=embedded)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("747723 is your code.\n\n@example.com #747723", ("example.com", "747723", None)),
        ("1 is it.\n@example.com #1 @ecommerce.example", ("example.com", "1", "ecommerce.example")),
        ("@example.com #747723 @ecommerce.example $future", ("example.com", "747723", "ecommerce.example")),
        ("@example.com #747723 %ecommerce.example", ("example.com", "747723", None)),
        ("@example.com #747723 @", ("example.com", "747723", None)),
        ("@example.com #747723 @-", ("example.com", "747723", None)),
        ("@example.com #747723  @ecommerce.example", ("example.com", "747723", None)),
        ("@example.com #747723\t@ecommerce.example", ("example.com", "747723", None)),
        ("first\r\n@example.com #747723", ("example.com", "747723", None)),
        ("first\r@example.com #747723", ("example.com", "747723", None)),
        ("something @example.com #747723", None),
        ("#747723 @ecommerce.example @example.com", None),
        ("@example.com code #747723", None),
        ("@example.com  #747723", None),
        ("@example.com\t#747723", None),
        ("@example.com #", None),
        ("@ #747723", None),
        ("@example.com", None),
        ("@example.com #747723\n", None),
        ("@example.com #747723\nmore", None),
        ("@https://example.com #747723", None),
        ("@example.com: #747723", None),
        ("@.example.com #747723", None),
        ("", None),
    ],
)
def test_a_phone_reads_the_last_line_and_only_that(
    text: str, expected: tuple[str, str, str | None] | None
) -> None:
    read = parse_origin_bound(text)

    assert (read and (read.host, read.code, read.embedded_host)) == expected


@given(st.text() | LINES | LINES.map(lambda tail: f"@a.b #1{tail}"))
def test_any_text_is_read_as_the_steps_of_the_draft_read_it(text: str) -> None:
    assert parse_origin_bound(text) == drafted(text)


@given(before=st.text(), host=HOSTS, code=CODES, embedded_host=st.none() | HOSTS)
def test_what_is_written_is_what_a_phone_reads(
    before: str, host: str, code: str, embedded_host: str | None
) -> None:
    written = OriginBoundCode(host=host, code=code, embedded_host=embedded_host)

    assert parse_origin_bound(f"{before}\n{written.line}") == written


@pytest.mark.parametrize(
    "host",
    ["www.example.ch", "localhost", "127.0.0.1", "xn--hpital-6ya.ch", "WWW.Example.ch", "a" * 63 + ".ch"],
)
def test_a_host_is_what_a_browser_could_be_at(host: str) -> None:
    assert is_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "a..b",
        ".a",
        "a.",
        "-a.ch",
        "a-.ch",
        "a_b.ch",
        "hôpital.ch",
        "a" * 64 + ".ch",
        "a." * 127 + "ch",
        "a.ch\n",
        "a.ch:8000",
    ],
)
def test_what_no_browser_could_be_at_is_no_host(host: str) -> None:
    assert not is_host(host)


def test_a_code_that_was_read_is_not_shown() -> None:
    assert not re.search("747723", repr(parse_origin_bound("@example.com #747723")))
