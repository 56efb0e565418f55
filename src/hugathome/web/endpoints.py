"""Requests over HTTP, read and answered: held against origin, type and size before anybody looks at them.

Refusals are problem documents (RFC 9457). What nobody expected is logged without its message, which may
quote somebody, and told to nobody.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from hugathome._model import Record
from hugathome.discretion import log_unexpected
from hugathome.errors import HugathomeError, InvalidInput, StoreUnavailable
from hugathome.sms.reading import IN_QUERY, JSON, KINDS, READERS, Seal, read_receipt
from hugathome.web.api import Answer, problem
from hugathome.web.origins import PREFLIGHT, Origins
from hugathome.web.pages import API_HEADERS

if TYPE_CHECKING:
    from hugathome.app import HugAtHome

BODY_LIMIT = 8 * 1024
"""Bytes in one request."""
READY_WITHIN = 2.0
"""Seconds that store and log have to answer: less than whoever asks usually waits."""

_LOGGER = logging.getLogger("hugathome")

Asked = TypeVar("Asked", bound=Record)
Endpoint = Callable[[Request], Awaitable[Response]]


def command(
    do: Callable[[Asked], Awaitable[Answer]], form: type[Asked], origins: Origins, *, status: int = 200
) -> Endpoint:
    """Return the endpoint that reads `form` from a request of an allowed origin and answers with JSON."""

    async def carry_out(request: Request) -> Response:
        if not origins.may_ask(request.headers.get("origin")):
            raise HTTPException(403)
        _refuse_unless(request, JSON)  # the only kind that a form on another site cannot send
        answer = await do(form.from_json(await _body(request)))
        return JSONResponse(answer, status_code=status, headers=API_HEADERS)

    return shared(answering(carry_out), origins)


def receiving(hug: "HugAtHome") -> Endpoint:
    """Return the endpoint that takes the receipts of gateways.

    Its address is the secret; a gateway whose own the host has given has to sign, too. What cannot be read,
    or is for nothing that is known, is answered as what can: a gateway would only send it again, for days.
    """

    async def take(request: Request) -> Response:
        gateway, token = request.path_params["gateway"], request.path_params["token"]
        if gateway not in READERS or not hug.knows_receipts(gateway, token):
            raise HTTPException(404)
        methods = ("GET", "POST") if gateway in IN_QUERY else ("POST",)
        if request.method not in methods:
            raise HTTPException(405, headers={"Allow": ", ".join(methods)})
        kind = "" if gateway in IN_QUERY else _refuse_unless(request, *KINDS)
        body = await _body(request)
        seal = None
        if secret := hug.receipt_secrets.get(gateway):
            url = f"{hug.site}/receipts/{gateway}/{token}?{request.url.query}"
            seal = Seal(secret=secret, url=url, signature=request.headers.get("x-twilio-signature", ""))
        try:
            receipt = read_receipt(gateway, body, kind=kind, query=request.query_params, seal=seal)
        except InvalidInput as unread:
            _LOGGER.warning("a receipt of %s was not understood: %s", gateway, unread)
        else:
            await hug.receive_receipt(receipt)
        return Response(status_code=204, headers=API_HEADERS)

    return answering(take)


async def alive(_: Request) -> Response:
    """Say that this process answers; nothing else is asked."""
    return JSONResponse({"status": "alive"}, headers=API_HEADERS)


def readiness(hug: "HugAtHome") -> Endpoint:
    """Return what says whether store and log answer too, and soon: 503 where they do not."""

    async def ready(_: Request) -> Response:
        try:
            async with asyncio.timeout(READY_WITHIN):
                await hug.ready()
        except TimeoutError:
            raise StoreUnavailable("store or log do not answer in time") from None
        return JSONResponse({"status": "ready"}, headers=API_HEADERS)

    return ready


def preflight(origins: Origins) -> Endpoint:
    """Return what tells a browser, before it lets a page of a frame's origin ask, that it may."""

    async def allow(request: Request) -> Response:
        if not origins.sharing(request.headers.get("origin")):
            raise HTTPException(403)
        return Response(status_code=204, headers=PREFLIGHT)

    return shared(answering(allow), origins)


def shared(endpoint: Endpoint, origins: Origins) -> Endpoint:
    """Return `endpoint`, whose answers a page of a frame's origin may read."""
    if not origins.frames:
        return endpoint

    async def answer(request: Request) -> Response:
        response = await endpoint(request)
        response.headers.add_vary_header("Origin")  # also where there is none: a cache keeps both apart
        response.headers.update(origins.sharing(request.headers.get("origin")))
        return response

    return answer


def answering(endpoint: Endpoint) -> Endpoint:
    """Return `endpoint` with every error turned into a problem, and what nobody expected into a log line."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except HTTPException as refused:
            return await http_problem(request, refused)
        except ClientDisconnect:
            return await http_problem(request, HTTPException(400))
        except HugathomeError as error:
            if error.status == HTTPStatus.INTERNAL_SERVER_ERROR:
                log_unexpected(error)
            return _problem(problem(error))
        except Exception as error:  # noqa: BLE001 - the server would print its message
            log_unexpected(error)
            return _problem(problem(HugathomeError()))

    return answer


async def http_problem(_: Request, error: Exception) -> Response:
    """Return what HTTP itself refuses as a problem."""
    status = HTTPStatus(error.status_code if isinstance(error, HTTPException) else 500)
    refusal = _problem({"type": "about:blank", "title": status.phrase, "status": status})
    if isinstance(error, HTTPException):
        refusal.headers.update(error.headers or {})  # such as Allow, which belongs to a 405
    return refusal


def _refuse_unless(request: Request, *kinds: str) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in kinds:
        raise HTTPException(415)
    return kind


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise HTTPException(413)
    return bytes(body)


def _problem(body: dict[str, Any]) -> Response:
    headers = dict(API_HEADERS)
    if "retryAfter" in body:
        headers["Retry-After"] = str(body["retryAfter"])
    return JSONResponse(
        body, status_code=body["status"], headers=headers, media_type="application/problem+json"
    )
