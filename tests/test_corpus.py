"""The corpus of frames (`tests/corpus`), replayed on the client's core."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from hugathome.device.client import Client, Next
from hugathome.device.effects import (
    AddCandidates,
    Apply,
    Connect,
    Describe,
    Disconnect,
    Drop,
    Effect,
    Hand,
    Refused,
    Return,
    Send,
)
from hugathome.protocol import messages
from hugathome.protocol.frames import parse_client, parse_server
from hugathome.protocol.messages import Unknown
from hugathome.protocol.wire import Caps, CloseCode, TextView, Trickle, retry_after

CORPUS = Path(__file__).parent / "corpus"
SDP = (CORPUS / "description.sdp").read_text().replace("\n", "\r\n")
START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
PAGE = Caps(rollback=True, ice_restart=True, trickle=Trickle.FULL)
"""What a page can do, so that both clients greet alike."""
OF_PAGES = {"link"}
"""What only a page shows."""
NEVER_SAID = {"ack"}
"""What a hub would take, and neither client says."""

Json = dict[str, Any]


def read(path: Path) -> Any:
    def described(found: re.Match[str]) -> str:
        return json.dumps(SDP.replace("UFRAG", found[1]))

    return json.loads(re.sub(r'"sdp:(\w+)"', described, path.read_text()))


BEGINNINGS: dict[str, Json] = read(CORPUS / "beginnings.json")
SCENARIOS: list[Json] = [
    scenario for path in sorted(CORPUS.glob("*.json")) if path.stem != "beginnings" for scenario in read(path)
]


def steps_of(scenario: Json) -> list[Json]:
    earlier = steps_of(BEGINNINGS[scenario["from"]]) if "from" in scenario else []
    return [*earlier, *scenario["steps"]]


@pytest.mark.parametrize(
    "scenario",
    [pytest.param(each, id=each["name"]) for each in SCENARIOS if each.get("only") != "browser"],
)
def test_the_client_does_what_the_corpus_says(scenario: Json) -> None:
    client, at = Client(caps=PAGE, agent=scenario.get("agent", "corpus")), 0.0
    for step in steps_of(scenario):
        at = step.get("at", at)
        after, effects = give(client, step, START + timedelta(seconds=at))
        asked = [*map(neutral, effects), *told(client, after, step)]
        client = after
        view = seen(client)

        assert asked == step.get("asks", []), step
        for name, expected in step.get("sees", {}).items():
            assert name in OF_PAGES or view[name] == expected, step


# --- What is given ----------------------------------------------------------------------------------


def give(client: Client, step: Json, now: datetime) -> Next:
    match step:
        case {"opened": given}:
            return client.opened(**given, now=now)
        case {"received": frame}:
            return client.received(json.dumps(frame), now=now)
        case {"said": command}:
            return client.said(read_command(command))
        case {"lost": _} | {"hinted": _} | {"passed": _}:
            (what,) = step.keys() & {"lost", "hinted", "passed"}
            result: Next = getattr(client, what)(now=now)
            return result
        case {"wantsOffer": on}:
            return client.wants_offer(on["pc"], on["gen"])
        case {"offered": on}:
            return client.offered(on["pc"], on["gen"], on["sdp"])
        case {"answered": on}:
            return client.answered(on["pc"], on["gen"], on["sdp"])
        case {"fared": on}:
            return client.fared(on["pc"], on["gen"], on["state"], now=now)
        case _:
            raise AssertionError(f"no such input: {step}")


def read_command(command: Json) -> messages.Command:
    message = parse_client(json.dumps({"v": 1, "seq": 1, **command}))
    assert isinstance(message, messages.Command)
    return message.but(seq=None)


# --- What is asked for ------------------------------------------------------------------------------


def neutral(effect: Effect) -> Json:
    """Write an effect as the corpus does."""
    match effect:
        case Send(text=text):
            return {"kind": "send", "message": json.loads(text)}
        case Drop():
            return {"kind": "drop"}
        case Return(after=after, spread=spread):
            return {"kind": "return", "after": after.total_seconds(), "spread": spread.total_seconds()}
        case Hand(message=message):
            return {"kind": "app", **json.loads(message.but(v=None, type=None, pos=None).to_json())}
        case Refused(error=error, of=of):
            command = json.loads(of.but(v=None).to_json()) if of else None
            return {"kind": "refused", "code": error.code, "of": command}
        case _:
            return on_connection(effect)


def on_connection(effect: Connect | Disconnect | Describe | Apply | AddCandidates) -> Json:
    match effect:
        case Connect(pair=pair):
            return {"kind": "connect", "pc": pair.pc, "gen": pair.gen, "participant": pair.participant}
        case Disconnect(pc=pc, gen=gen):
            return {"kind": "disconnect", "pc": pc, "gen": gen}
        case Describe(pc=pc, gen=gen):
            return {"kind": "describe", "pc": pc, "gen": gen}
        case Apply(pc=pc, gen=gen, kind=kind, sdp=sdp):
            return {"kind": "apply", "pc": pc, "gen": gen, "type": kind, "sdp": sdp}
        case AddCandidates(pc=pc, gen=gen, candidates=candidates):
            added = [json.loads(each.to_json()) for each in candidates]
            return {"kind": "candidates", "pc": pc, "gen": gen, "candidates": added}


def told(before: Client, after: Client, step: Json) -> Iterator[Json]:
    """What a page is told as an effect, Python reads off the client."""
    if after.rings > before.rings:
        yield {"kind": "ring"}
    if step.get("received", {}).get("type") == "text" and after.texts != before.texts:
        yield {"kind": "texted", "text": written(after.texts[-1])}


def seen(client: Client) -> Json:
    """Return what can be read off the client, as the corpus writes it."""
    roster = client.roster.values()
    return {
        "phase": client.phase,
        "peer": client.peer,
        "participant": client.participant,
        "can": list(client.can),
        "state": client.state,
        "session": client.session and json.loads(client.session.to_json()),
        "roster": {each.participant: each.state for each in roster},
        "hosts": {each.participant: each.host for each in roster if each.host},
        "steps": {each.participant: each.step for each in roster if each.step},
        "sends": {each.participant: dict(each.sends) for each in roster if each.sends},
        "texts": [written(text) for text in client.texts],
        "textLimit": client.limits.text,
        "lines": {pc: line.pair.gen for pc, line in client.lines.items()},
        "iceServers": [url for server in client.ice_servers for url in server.urls],
        "relayOnly": client.relay_only,
        "end": client.end and client.end.code,
        "resumes": client.token is not None,
        "due": (client.due - START).total_seconds() if client.due else None,
    }


def written(text: TextView) -> str:
    return f"{text.participant}: {text.text}"


# --- The corpus itself ------------------------------------------------------------------------------


def types_of(union: Any) -> set[str]:
    kinds = set(get_args(union)) - {Unknown}
    return {kind.model_fields["type"].default for kind in kinds}


STEPS = [step for scenario in SCENARIOS for step in steps_of(scenario)]
FRAMES = [step["received"] for step in STEPS if "received" in step]
SENT = [effect["message"] for step in STEPS for effect in step.get("asks", []) if effect["kind"] == "send"]


def test_every_frame_of_the_corpus_is_one_of_the_protocol() -> None:
    unknown = {frame["type"] for frame in FRAMES if isinstance(parse_server(json.dumps(frame)), Unknown)}
    sent = [parse_client(json.dumps(message)) for message in SENT]

    assert unknown == {"weather"}
    assert not [message for message in sent if isinstance(message, Unknown)]


def test_every_type_of_message_occurs_in_the_corpus() -> None:
    assert {frame["type"] for frame in FRAMES} >= types_of(messages.ServerMessage)
    assert {message["type"] for message in SENT} == types_of(messages.ClientMessage) - NEVER_SAID


def test_every_close_code_occurs_in_the_corpus_with_its_retry() -> None:
    closes = {frame["code"]: frame["retry"] for frame in FRAMES if frame["type"] == "close"}

    assert closes == {code: retry_after(code) for code in CloseCode}


def test_a_scenario_has_a_name_of_its_own() -> None:
    names = [scenario["name"] for scenario in SCENARIOS]

    assert len(names) == len(set(names)) > 50
