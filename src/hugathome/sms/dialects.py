"""Gateways by name: the settings of `HttpSms` for what four providers publish of their HTTP interfaces.

    sms = twilio(account_sid=…, auth_token=…, sender="HUG", receipts=receipt_url(…, gateway="twilio"))

None of the four says that it recognises a message that it is sent twice. So what may have arrived is not
sent again, by these or by `FailoverSms`. `api` replaces the address of the provider's interface, for one of
its regions or for a test. Nothing of a provider's own software is used.
"""

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

from hugathome.clock import Clock, SystemClock
from hugathome.errors import ConfigurationError
from hugathome.sms.http import HttpSms

_MESSAGING_SERVICE = re.compile("MG[0-9a-fA-F]{32}")
"""A name may begin with MG, too."""


def twilio(
    *,
    account_sid: str,
    auth_token: str,
    sender: str,
    receipts: str | None = None,
    api: str = "https://api.twilio.com",
    proxy: str | None = None,
    clock: Clock = SystemClock(),
) -> HttpSms:
    """Return Twilio's Messages resource; `sender` is a number, a name or a messaging service (`MG…`).

    With `receipts`, the address for the gateway `twilio`, each message asks for its own.
    See twilio.com/docs/messaging/api/message-resource.
    """
    service = "MessagingServiceSid" if _MESSAGING_SERVICE.fullmatch(sender) else "From"
    callback = {} if receipts is None else {"StatusCallback": f"{receipts}?reference={{reference}}"}
    credentials = b64encode(f"{account_sid}:{auth_token}".encode()).decode()
    return HttpSms(
        url=f"{api}/2010-04-01/Accounts/{account_sid}/Messages.json",
        headers={"Authorization": f"Basic {credentials}", "Accept": "application/json"},
        encoding="form",
        body={"To": "{to}", service: sender, "Body": "{text}", **callback},
        idempotency_header=None,
        proxy=proxy,
        clock=clock,
    )


def smsmode(
    *,
    api_key: str,
    sender: str,
    receipts: str | None = None,
    api: str = "https://rest.smsmode.com",
    proxy: str | None = None,
    clock: Clock = SystemClock(),
) -> HttpSms:
    """Return smsmode's REST interface, version 1; see dev.smsmode.com/sms/v1.

    With `receipts`, the address for the gateway `smsmode`, each message asks for its own; they name the
    message by the `refClient` that we gave it. Its documentation was checked through public software that
    follows it.
    """
    callback = {} if receipts is None else {"callbackUrlStatus": receipts}
    return HttpSms(
        url=f"{api}/sms/v1/messages",
        headers={"X-Api-Key": api_key, "Accept": "application/json"},
        body={
            "recipient": {"to": "{msisdn}"},
            "body": {"text": "{text}"},
            "from": sender,
            "refClient": "{reference}",
            **callback,
        },
        idempotency_header=None,
        proxy=proxy,
        clock=clock,
    )


def swisscom(
    *,
    client_id: str,
    sender: str | None = None,
    api: str = "https://api.swisscom.com",
    proxy: str | None = None,
    clock: Clock = SystemClock(),
) -> HttpSms:
    """Return Swisscom's messaging interface, version 2; see github.com/swisscom/docs-api.

    Without `sender` it is the number of the service. Its notifications say that a state has changed and not
    to which, and what the states mean is public for one only, so that no receipt can be made of them.
    """
    return HttpSms(
        url=f"{api}/messaging/sms",
        headers={"client_id": client_id, "SCS-Version": "2", "Accept": "application/json"},
        body={"to": "{to}", "text": "{text}", **({} if sender is None else {"from": sender})},
        idempotency_header=None,
        proxy=proxy,
        clock=clock,
    )


def ovhcloud(
    *,
    service: str,
    application_key: str,
    application_secret: str,
    consumer_key: str,
    sender: str,
    api: str = "https://eu.api.ovh.com/1.0",
    proxy: str | None = None,
    clock: Clock = SystemClock(),
) -> HttpSms:
    """Return OVHcloud's SMS jobs; `service` is the account, such as `sms-ab12345-1`.

    Every request is signed with the clock's time. A number that OVHcloud refuses stands in the body of a
    200; that is read, and so is OVHcloud's own number of the message, by which its receipts name it. They go
    to one address, which you enter there: for the account, or for one of its users. See docs.ovhcloud.com,
    "API SMS Cookbook", "Everything you need to know about SMS users" and "First steps with the OVHcloud
    APIs".
    """
    url = f"{api}/sms/{service}/jobs"
    return HttpSms(
        url=url,
        body={
            "message": "{text}",
            "receivers": ["{to}"],
            "sender": sender,
            "charset": "UTF-8",
            "noStopClause": True,
            "priority": "high",
        },
        sign=_ovh_signature(url, application_key, application_secret, consumer_key, clock=clock),
        is_taken=_ovh_took_it,
        handle=_ovh_handle,
        idempotency_header=None,
        proxy=proxy,
        clock=clock,
    )


def _ovh_signature(
    url: str, application: str, secret: str, consumer: str, *, clock: Clock
) -> Callable[[bytes], Mapping[str, str]]:
    """Return what signs a body: SHA-1 over secrets, method, address, body and time, as OVHcloud wants it."""
    if not all(part.isascii() and part.isalnum() for part in (application, secret, consumer)):
        raise ConfigurationError("the keys of OVHcloud are letters and digits")

    def sign(body: bytes) -> Mapping[str, str]:
        time = str(int(clock.now().timestamp()))
        signed = f"{secret}+{consumer}+POST+{url}+{body.decode()}+{time}"
        digest = hashlib.sha1(signed.encode(), usedforsecurity=False).hexdigest()
        return {
            "x-ovh-application": application,
            "x-ovh-consumer": consumer,
            "x-ovh-timestamp": time,
            "x-ovh-signature": f"$1${digest}",
        }

    return sign


def _ovh_took_it(body: bytes) -> bool:
    return bool(_ovh_answer(body).get("validReceivers", True))


def _ovh_handle(body: bytes) -> str | None:
    """Return the number of the message; of one to one receiver there is one."""
    match _ovh_answer(body).get("ids"):
        case [int(number)]:
            return f"ovhcloud:{number}"
    return None


def _ovh_answer(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}  # a 2xx that cannot be read is still one
    return answer if isinstance(answer, dict) else {}
