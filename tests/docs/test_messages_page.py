"""The page of the protocol names every message of the code, in its own words."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from hugathome.protocol import messages
from hugathome.protocol.messages import ClientMessage, Message, ServerMessage, Unknown
from hugathome.protocol.wire import CloseCode, retry_after

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "signalling.md"


def kinds() -> Iterator[type[Message]]:
    """Yield every kind of message, in the order of the code."""
    both = {*get_args(ClientMessage), *get_args(ServerMessage)} - {Unknown}
    yield from sorted(both, key=lambda kind: list(vars(messages)).index(kind.__name__))


def direction(kind: type[Message]) -> str:
    from_device, from_hub = kind in get_args(ClientMessage), kind in get_args(ServerMessage)
    return "both" if from_device and from_hub else "device → hub" if from_device else "hub → device"


def row(kind: type[Message]) -> str:
    fields = [field for field in kind.model_fields if field not in Message.model_fields]
    named = ", ".join(f"`{kind.model_fields[field].alias or field}`" for field in fields)
    what = " ".join((kind.__doc__ or "").split())
    return f"| `{kind.model_fields['type'].default}` | {direction(kind)} | {named} | {what} |"


def test_every_message_stands_in_the_table() -> None:
    expected = "\n".join(
        ["| Type | Way | Fields | What it is for |", "| --- | --- | --- | --- |", *map(row, kinds()), ""]
    )

    assert expected in PAGE.read_text(encoding="utf-8"), f"signalling.md should hold:\n\n{expected}"


def test_every_close_code_stands_in_the_table() -> None:
    expected = "\n".join(
        [
            "| Code | Why | Then |",
            "| --- | --- | --- |",
            *(
                f"| {code.value} | {code.name.lower().replace('_', ' ')} | {retry_after(code)} |"
                for code in CloseCode
            ),
            "",
        ]
    )

    assert expected in PAGE.read_text(encoding="utf-8"), f"signalling.md should hold:\n\n{expected}"
