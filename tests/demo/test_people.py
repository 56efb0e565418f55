"""The demonstration for people: it opens and closes, and lets a phone of the network in, over HTTPS."""

import asyncio
import ssl
from hashlib import sha256
from urllib.parse import urlsplit

import httpx
import pytest

from hugathome import ConfigurationError
from hugathome.demo import lan, people
from hugathome.demo.people import Doors, open_clinic
from hugathome.peer import IceSettings


async def test_it_says_where_it_is_and_no_more_where_no_phone_is_let_in(doors: Doors) -> None:
    assert doors.clinic.startswith("http://127.0.0.1:")
    assert (doors.phone, doors.fingerprint) == (None, None)


async def test_whoever_follows_the_board_does_not_hold_up_the_end() -> None:
    now = asyncio.get_running_loop().time
    async with httpx.AsyncClient(trust_env=False) as http:
        async with open_clinic(ice=IceSettings(loopback=True)) as doors:
            stream = await http.send(http.build_request("GET", f"{doors.clinic}board"), stream=True)
            lines = stream.aiter_lines()
            assert await anext(lines)
            told_at = now()
        assert now() - told_at < 4, "seconds; the server would wait for five"
        assert [line async for line in lines if line] == []


async def test_a_port_that_is_taken_is_said(doors: Doors) -> None:
    with pytest.raises(ConfigurationError, match="cannot listen"):
        async with open_clinic(port=httpx.URL(doors.clinic).port or 0):
            pass


async def test_a_phone_reads_the_messages_over_https_and_sees_nothing_else() -> None:
    async with open_clinic(ice=IceSettings(loopback=True), address="127.0.0.2") as doors:
        phone = urlsplit(doors.phone or "")
        shown = await asyncio.to_thread(ssl.get_server_certificate, (phone.hostname or "", phone.port or 0))
        der = ssl.PEM_cert_to_DER_cert(shown)
        trusting = ssl.create_default_context(cadata=shown)
        async with httpx.AsyncClient(verify=trusting, trust_env=False) as there:
            page = await there.get(str(doors.phone))
            stream = await there.send(
                there.build_request("GET", str(doors.phone).replace("phone", "board")), stream=True
            )
            board = await anext(stream.aiter_lines())
            await stream.aclose()
            origin = f"{phone.scheme}://{phone.netloc}"
            refused = [
                (await there.get(f"{origin}{path}")).status_code
                for path in ("/", "/board", "/phone", "/visits")
            ]
            visit = await there.get(f"{origin}/visit/room")
        async with httpx.AsyncClient(trust_env=False) as here:
            code = await here.get(f"{doors.clinic}phone.svg")

    assert doors.fingerprint == sha256(der).digest().hex(":").upper()
    assert page.status_code == 200
    assert "pages/reader.js" in page.text
    assert board.startswith("data: {")
    assert refused == [404, 404, 404, 404]
    assert visit.status_code == 200
    assert code.content == lan.qr_svg(str(doors.phone))


async def test_two_clinics_have_two_keys_for_phones() -> None:
    async with (
        open_clinic(ice=IceSettings(loopback=True), address="127.0.0.2") as one,
        open_clinic(ice=IceSettings(loopback=True), address="127.0.0.3") as other,
    ):
        keys = {urlsplit(doors.phone or "").path for doors in (one, other)}

    assert len(keys) == 2


@pytest.mark.parametrize(("own", "loopback"), [("127.0.0.1", True), ("192.0.2.20", False)])
def test_a_robot_offers_loopback_only_where_a_browser_has_nothing_else(
    monkeypatch: pytest.MonkeyPatch, own: str, loopback: bool
) -> None:
    monkeypatch.setattr(people, "own_address", lambda: own)

    assert people._as_browsers_here() == IceSettings(loopback=loopback)


async def test_it_tells_what_a_phone_will_warn_of(monkeypatch: pytest.MonkeyPatch) -> None:
    told = asyncio.Event()
    told.set()
    monkeypatch.setattr(people, "told_to_end", lambda: told)
    lines: list[str] = []

    await people.run(lines.append, port=0, lan=True, address="127.0.0.2")

    said = "\n".join(lines)
    url = next(word for word in said.split() if word.startswith("https://127.0.0.2:"))
    assert lan.qr_terminal(url) in said
    for word in ("http://127.0.0.1:", "will warn", "for trying only", "firewall", "Ctrl-C", "Closed."):
        assert word in said
