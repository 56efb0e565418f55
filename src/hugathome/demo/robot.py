"""A robot that is the patient: it comes by the SMS like anybody else, shows its face and chimes.

It knows nothing but the text that arrived. Between its steps it takes the time that a person would.
"""

from datetime import timedelta
from typing import Final

from hugathome.app import HugAtHome
from hugathome.errors import CodeError, InvalidInput
from hugathome.peer import IceSettings, Peer
from hugathome.peer._face import Face, Voice
from hugathome.roles import Step
from hugathome.signalling import Transport
from hugathome.testing import MemorySite, Outbox, ReceivedSms

_THINKS: Final = timedelta(seconds=0.8)


async def attend(hug: HugAtHome, sms: ReceivedSms, inbox: Outbox, *, ice: IceSettings) -> None:
    """Be the patient who got `sms`, until the visit ends; another code that comes arrives in `inbox`.

    Raises what the page would show.
    """
    site = MemorySite(hug)
    link = _link_of(sms)
    await site.ask("link", link=link)
    await _think(hug)
    code = sms.code or await _asked_for(site, link, sms, inbox)
    await _think(hug)
    kept = str((await site.ask("check-in", link=link, code=code))["pass"])

    async def connect() -> tuple[Transport, str]:
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


async def _think(hug: HugAtHome) -> None:
    await hug.clock.sleep(_THINKS.total_seconds())


def _link_of(sms: ReceivedSms) -> str:
    _, found, link = (sms.link or "").rpartition("/j/")
    if not found:
        raise InvalidInput("this SMS has no link to a visit")
    return link


async def _asked_for(site: MemorySite, link: str, sms: ReceivedSms, inbox: Outbox) -> str:
    await site.ask("send-code", link=link)
    code = inbox.last(to=sms.to).code
    if code is None:
        raise CodeError("no code has arrived")
    return code
