"""When a device comes back: what each close code leads to, and never faster than the back-off."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugathome.device.client import Client, Next
from hugathome.device.effects import Drop, Return
from hugathome.device.returning import LASTING, SPREAD, Phase
from hugathome.protocol.messages import Close, Goaway, Ping, Snapshot, Text, Welcome
from hugathome.protocol.wire import CloseCode, Limits, Retry, SessionView, TextView, retry_after

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "signalling.md"
WELCOME = Welcome(
    pos="7.0123456789ab",
    peer="p_a",
    participant="p-1",
    role="patient",
    session=SessionView(id="hug.s", status="in-progress", modality="video"),
    state="waiting",
    token="token-1",
    heartbeat=20,
    limits=Limits(),
)
DOCUMENTED = {
    int(code): Retry(then)
    for code, then in re.findall(r"^\| (\d{4}) \| [a-z ]+ \| (\w+) \|$", PAGE.read_text(), re.MULTILINE)
}


def connected(client: Client, now: datetime) -> Client:
    client, _ = client.opened(grant="g", nonce="n", now=now)
    return client.received(WELCOME.to_json(), now=now)[0]


@pytest.mark.parametrize("code", CloseCode)
def test_every_close_code_leads_to_its_documented_action(code: CloseCode) -> None:
    client = connected(Client(), NOW)

    after, effects = client.received(Close.because(code).to_json(), now=NOW)

    assert effects[0] == Drop()
    match DOCUMENTED[code]:
        case Retry.NEVER:
            assert (after.phase, effects[1:]) == (Phase.CLOSED, ())
        case Retry.RESUME:
            assert (after.phase, after.token, effects[1:]) == (Phase.AWAY, "token-1", (_first(),))
        case Retry.REJOIN:
            assert (after.phase, after.token, effects[1:]) == (Phase.AWAY, None, (_first(),))


def _first() -> Return:
    return Return(timedelta(), SPREAD[0])


LOSSES = st.one_of(
    st.builds(
        Close.because,
        st.sampled_from([code for code in CloseCode if retry_after(code) is not Retry.NEVER]),
        after=st.none() | st.integers(0, 30).map(float),
    ),
    st.just(Goaway(deadline=NOW)),
    st.just(Ping(digest="00000000")),
    st.none(),
)
"""What ends a connection for now; none: the transport is lost."""
TRIES = st.tuples(st.booleans(), st.integers(0, 40), LOSSES, st.booleans())
"""Whether a try is welcomed, for how many seconds, what ends it, and whether the network gives a hint."""


@given(st.lists(TRIES, min_size=1, max_size=30))
def test_nothing_makes_a_device_come_back_faster_than_the_back_off(
    tries: list[tuple[bool, int, Close | Goaway | Ping | None, bool]],
) -> None:
    client, now, failures = Client(), NOW, 0
    for is_welcomed, seconds, loss, is_hinted in tries:
        if is_welcomed:
            client = connected(client.but(doubted=None), now)
        if is_hinted:
            client, _ = client.hinted(now=now)
        now += timedelta(seconds=seconds)
        has_lasted = is_welcomed and seconds >= LASTING.total_seconds()
        failures = 0 if has_lasted else failures
        asked = loss.after if isinstance(loss, Close) and is_welcomed else None

        client, back = _lost(client, loss if is_welcomed else None, now)

        assert back.after == timedelta(seconds=asked or 0)
        assert back.spread == min(SPREAD[0] * 2**failures, SPREAD[1])
        failures += 1


def _lost(client: Client, loss: Close | Goaway | Ping | None, now: datetime) -> tuple[Client, Return]:
    lost: Next = client.lost(now=now) if loss is None else client.received(loss.to_json(), now=now)
    (back,) = [effect for effect in lost[1] if isinstance(effect, Return)]
    return lost[0], back


def test_what_was_let_go_does_not_come_again_behind_what_is_newer_where_the_log_comes_back_older() -> None:
    def text(number: int) -> TextView:
        return TextView(participant="p-1", text=f"{number}", at=NOW + timedelta(seconds=number))

    client = connected(Client(state="admitted"), NOW)
    for number in range(1, 102):  # one more than is kept
        client, _ = client.received(Text(**dict(text(number))).to_json(), now=NOW)
    known = (*map(text, range(1, 91)), text(102))

    snapshot = Snapshot(state="admitted", session=WELCOME.session, texts=known)
    client, _ = client.received(snapshot.to_json(), now=NOW)

    assert [each.text for each in client.texts] == [f"{number}" for number in range(3, 103)]
