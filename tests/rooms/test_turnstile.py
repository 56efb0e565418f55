"""Coming in again and again: so many at once, then so many a minute, each participant alone."""

from datetime import UTC, datetime, timedelta

from hugathome.rooms.turnstile import Turnstile

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
PATIENT, NURSE = ("hug.1", "p-1"), ("hug.1", "nurse")


def test_so_many_pass_at_once_and_the_next_is_told_how_long_to_wait() -> None:
    turnstile = Turnstile(at_once=3, a_minute=6)

    waits = [turnstile.pass_through(PATIENT, now=NOW) for _ in range(4)]

    assert waits == [None, None, None, timedelta(seconds=10)]


def test_whoever_waits_as_told_passes() -> None:
    turnstile = Turnstile(at_once=3, a_minute=6)
    for _ in range(3):
        turnstile.pass_through(PATIENT, now=NOW)

    assert turnstile.pass_through(PATIENT, now=NOW + timedelta(seconds=9)) == timedelta(seconds=1)
    assert turnstile.pass_through(PATIENT, now=NOW + timedelta(seconds=10)) is None
    assert turnstile.pass_through(PATIENT, now=NOW + timedelta(seconds=10)) == timedelta(seconds=10)


def test_nobody_pays_for_another() -> None:
    turnstile = Turnstile(at_once=3, a_minute=6)
    for _ in range(9):
        turnstile.pass_through(PATIENT, now=NOW)

    assert turnstile.pass_through(NURSE, now=NOW) is None
    assert turnstile.pass_through(("hug.2", "p-1"), now=NOW) is None


def test_what_was_long_ago_is_forgotten() -> None:
    turnstile = Turnstile(at_once=3, a_minute=6)
    for number in range(100):
        turnstile.pass_through(("hug.1", str(number)), now=NOW)

    turnstile.pass_through(PATIENT, now=NOW + timedelta(minutes=1))

    assert list(turnstile._free_at) == [PATIENT]


def test_names_that_were_made_up_are_forgotten_before_they_fill_the_memory() -> None:
    turnstile = Turnstile(at_once=40, a_minute=30)

    for number in range(20_000):
        turnstile.pass_through(("192.0.2.1", f"hug.{number}"), now=NOW + timedelta(milliseconds=number))
        assert len(turnstile._free_at) <= 4001, "each is forgotten after two seconds, or soon after"
