"""A robot that is the patient: it comes by the SMS like anybody else, shows its face and chimes.

It knows nothing but what arrived on the telephone. Between its steps it takes the time that a person would.
"""

from datetime import timedelta
from typing import Final

from hugathome.app import HugAtHome
from hugathome.errors import CodeError, LinkUnknown
from hugathome.grants import JoinGrant
from hugathome.peer import IceSettings, Peer
from hugathome.peer._face import Face, Voice
from hugathome.phone import PhoneNumber
from hugathome.roles import Step
from hugathome.signalling import Transport
from hugathome.testing import MemorySite, Outbox, ReceivedSms

_THINKS: Final = timedelta(seconds=0.8)


async def attend(hug: HugAtHome, inbox: Outbox, number: PhoneNumber, *, ice: IceSettings) -> None:
    """Be the patient of this telephone number until the visit ends; raise what the page would show."""
    site = MemorySite(hug)
    link = newest_link(inbox, number)
    await site.ask("link", link=link)
    await _think(hug)
    kept = await _checked_in(hug, site, link, inbox, number)

    async def connect() -> tuple[Transport, JoinGrant | str]:
        grant = str((await site.ask("grant", **{"pass": kept}))["grant"])
        return await site.connect(), grant

    transport, grant = await connect()
    face, voice = Face(), Voice()
    try:
        async with Peer(transport, grant, audio=voice, video=face, ice=ice, reconnect=connect) as peer:
            await peer.note(Step.DEVICES_ALLOWED)
            await peer.ended()
    finally:
        face.stop()
        voice.stop()


def newest_link(inbox: Outbox, number: PhoneNumber) -> str:
    """Return what the newest link on a telephone leads to; raise `LinkUnknown` where there is none."""
    links = [sms.link for sms in _received(inbox, number) if sms.link and "/j/" in sms.link]
    if not links:
        raise LinkUnknown("no SMS has a link to a visit")
    return links[-1].rpartition("/j/")[2]


async def _checked_in(hug: HugAtHome, site: MemorySite, link: str, inbox: Outbox, number: PhoneNumber) -> str:
    """Type the code of the newest SMS, or ask for another one, and return the pass."""
    code = _received(inbox, number)[-1].code
    if code is not None:
        await _think(hug)
        try:
            return await _typed(site, link, code)
        except CodeError:  # used, by whoever was the patient before
            await _think(hug)
    await site.ask("send-code", link=link)
    await _think(hug)
    return await _typed(site, link, _received(inbox, number)[-1].code or "")


async def _typed(site: MemorySite, link: str, code: str) -> str:
    return str((await site.ask("check-in", link=link, code=code))["pass"])


def _received(inbox: Outbox, number: PhoneNumber) -> list[ReceivedSms]:
    """Return the messages of one telephone, oldest first."""
    return [ReceivedSms(to=sms.to, text=sms.text) for sms in inbox.messages if sms.to == number]


async def _think(hug: HugAtHome) -> None:
    await hug.clock.sleep(_THINKS.total_seconds())
