"""What Redis says is read the same in whatever pieces it comes."""

import pytest

from hugathome.stores._resp import Answers, Push, Refusal, packed

SAID = (
    b"+OK\r\n:42\r\n$3\r\na\r\n\r\n$0\r\n\r\n$-1\r\n_\r\n*-1\r\n*0\r\n"
    b"*2\r\n$3\r\n0-1\r\n*2\r\n$1\r\nr\r\n$2\r\n\r\n\r\n"
    b">2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nkey\r\n"
    b"%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n"
    b"-MOVED 1 127.0.0.1:1\r\n!11\r\nERR unknown\r\n"
)
MEANT = [
    b"OK",
    42,
    b"a\r\n",
    b"",
    None,
    None,
    None,
    [],
    [b"0-1", [b"r", b"\r\n"]],
    Push([b"invalidate", [b"key"]]),
    [b"server", b"redis"],
    Refusal("MOVED 1 127.0.0.1:1"),
    Refusal("ERR unknown"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, len(SAID)])
def test_answers_come_whole_from_pieces_of_any_size(size: int) -> None:
    answers = Answers()

    heard = [each for at in range(0, len(SAID), size) for each in answers.feed(SAID[at : at + size])]

    assert heard == MEANT


def test_a_refusal_is_named_by_its_first_word() -> None:
    assert Refusal("NOSCRIPT No matching script").kind == "NOSCRIPT"


@pytest.mark.parametrize("said", [b"HTTP/1.1 400\r\n", b"$x\r\n", b"*1\r\n?\r\n"])
def test_what_is_not_redis_is_an_error(said: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - Python's own, for a number too
        Answers().feed(said)


def test_a_command_is_packed_word_by_word() -> None:
    assert (
        packed(("SET", "é", 1, b"\r\n")) == b"*4\r\n$3\r\nSET\r\n$2\r\n\xc3\xa9\r\n$1\r\n1\r\n$2\r\n\r\n\r\n"
    )
