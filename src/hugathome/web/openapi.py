"""The description of the API (OpenAPI 3.1), as `openapi.json` serves it; a test holds it to the routes."""

from collections.abc import Sequence
from typing import Any

_STRING = {"type": "string"}
_NULLABLE = {"type": ["string", "null"]}
_INSTANT = {"type": "string", "format": "date-time"}

_VISIT = {
    "status": {"enum": ["early", "open", "ended"], "description": "Whether codes and passes work now."},
    "modality": {"enum": ["video", "audio", "phone"]},
    "language": {"enum": ["fr", "de", "it", "rm", "en"]},
    "startsAt": _INSTANT,
    "starts": {**_STRING, "description": "The same in words, in the organisation's own time zone."},
    "startsDay": {**_STRING, "description": "Weekday, day and month alone, for a short line."},
    "startsClock": {**_STRING, "description": "The time alone."},
    "opensAt": {**_INSTANT, "description": "From when on codes are sent and passes given."},
    "opens": _STRING,
    "timezone": {**_STRING, "description": "The zone in which the page says times, by its IANA name."},
    "brand": _STRING,
    "helpPhone": {**_NULLABLE, "description": "Whom to call."},
    "privacyUrl": _NULLABLE,
    "adjustments": {
        "type": "array",
        "items": {"enum": ["large-text", "easy-language", "open-messages"]},
        "description": "What the page does for whoever needs it; a link alone is told the first two only.",
    },
}
_PLACE = {"session": _STRING, "participant": _STRING, "visit": {"$ref": "#/components/schemas/Visit"}}
_GRANT = {**_STRING, "description": "Opens one signalling connection, once, within two minutes."}
_PASS = {**_STRING, "description": "Kept by the page; traded for a grant at every connection."}
_OF_STAFF = {"pass": {**_STRING, "maxLength": 4096}, "participant": {**_STRING, "maxLength": 200}}


def document(*, site: str) -> dict[str, Any]:
    """Return the description of the deployment at `site`."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "hugathome",
            "version": "1",
            "description": "What the pages of a visit ask of their host. GET changes and sends nothing.",
        },
        "servers": [{"url": site}],
        "paths": _PATHS,
        "components": {"schemas": _SCHEMAS},
    }


def _object(properties: dict[str, Any], *optional: str) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


_SCHEMAS = {
    "LinkAsked": _object({"link": {**_STRING, "maxLength": 200}}),
    "CheckInAsked": _object({"link": {**_STRING, "maxLength": 200}, "code": _STRING}),
    "PassAsked": _object({"grant": {**_STRING, "maxLength": 4096}}),
    "GrantAsked": _object({"pass": {**_STRING, "maxLength": 4096}}),
    "StaffAsked": _object(_OF_STAFF),
    "IdentifyAsked": {
        **_object(
            {
                **_OF_STAFF,
                "code": {**_STRING, "description": "As it was read out; it arrives by SMS."},
                "how": {**_STRING, "maxLength": 200, "description": "Where no code was needed."},
            },
            *("code", "how"),
        ),
        "oneOf": [{"required": ["code"]}, {"required": ["how"]}],
    },
    "CallMeBackAsked": {
        **_object(
            {"link": {**_STRING, "maxLength": 200}, "pass": {**_STRING, "maxLength": 4096}},
            *("link", "pass"),
        ),
        "oneOf": [{"required": ["link"]}, {"required": ["pass"]}],
    },
    "Nothing": _object({}),
    "Receipt": {
        **_object(
            {
                "reference": {
                    **_STRING,
                    "description": "The idempotency key that the message was sent under.",
                },
                "status": {**_STRING, "description": "A gateway's word, such as `delivered` or `failed`."},
                "reason": {**_STRING, "description": "A gateway's code for a failure."},
            },
            "reason",
        ),
        "description": "As `plain` spells it; the other gateways post what their documentation says.",
    },
    "Called": _object(
        {
            "how": {"enum": ["ring", "sms", "none"], "description": "What reaches them, if anything does."},
            "word": {**_STRING, "description": "To be said first, where the visit is by telephone."},
        },
        "word",
    ),
    "LinkAnswer": _object(
        {
            **_VISIT,
            "digits": {"type": "integer", "description": "Of a code."},
            "codeSent": {"type": "boolean", "description": "Whether a code was ever sent for this link."},
            "channels": {
                "type": "array",
                "items": _STRING,
                "description": "How a code reaches them, the preferred way first: sms, voice or another.",
            },
        }
    ),
    "LetIn": _object({"pass": _PASS, "grant": _GRANT, **_PLACE}),
    "Granted": _object({"grant": _GRANT, **_PLACE}),
    "Visit": _object(
        {**_VISIT, "entry": {**_STRING, "description": "Where staff come from and go back to."}}, "entry"
    ),
    "Problem": {
        **_object(
            {
                "type": {**_STRING, "description": "`urn:hugathome:problem:…`, or `about:blank`."},
                "title": _STRING,
                "status": {"type": "integer"},
                "detail": {**_STRING, "description": "What a patient may read."},
                "retryAfter": {"type": "integer", "description": "Seconds, as in the header Retry-After."},
                "opensAt": _INSTANT,
            },
            *("detail", "retryAfter", "opensAt"),
        ),
        "description": "RFC 9457.",
    },
}

_REASONS = {
    304: "The file has not changed",
    307: "It has another address",
    400: "The request cannot be read, or what was typed is no code",
    403: "Refused: the code, the grant or pass, or the origin",
    404: "Nothing is here",
    409: "Not now",
    410: "The visit has ended",
    413: "More than 8 KiB",
    415: "Not application/json",
    429: "Too soon, or too often",
    500: "Our mistake",
    503: "Something that we need cannot be reached",
}


def _asks(summary: str, asked: str, status: int, answered: str, *refusals: int) -> dict[str, Any]:
    problems = sorted({*refusals, 400, 403, 413, 415, 500, 503})
    return {
        "post": {
            "summary": summary,
            "requestBody": {"required": True, "content": _content("application/json", asked)},
            "responses": {
                str(status): {"description": summary, "content": _content("application/json", answered)},
                **{str(each): _problem(each) for each in problems},
            },
        }
    }


def _posts_receipts() -> dict[str, Any]:
    summary = "A gateway says what became of a message"
    receipt = _content("application/json", "Receipt") | _content(
        "application/x-www-form-urlencoded", "Receipt"
    )
    taken = {
        "204": {"description": "Taken, also where it changes nothing"},
        **{str(each): _problem(each) for each in (400, 404, 413, 500, 503)},
    }
    return {
        "get": {
            "summary": f"{summary}, in the query: OVHcloud",
            "parameters": [*_in_path("gateway", "token"), *_in_query("id", "ptt")],
            "responses": {**taken, "405": {**_problem(404), "description": "It posts its receipts"}},
        },
        "post": {
            "summary": summary,
            "parameters": _in_path("gateway", "token"),
            "requestBody": {"required": True, "content": receipt},
            "responses": {**taken, "415": {**_problem(415), "description": "Neither JSON nor a form"}},
        },
    }


def _looks(summary: str, media_type: str, *others: int, path: Sequence[str] = ()) -> dict[str, Any]:
    found = {"200": {"description": summary, "content": {media_type: {}}}}
    return _gets(summary, found | {str(each): {"description": _REASONS[each]} for each in others}, path)


def _leads(summary: str, *path: str) -> dict[str, Any]:
    return _gets(summary, {str(each): {"description": _REASONS[each]} for each in (307, 404)}, path)


def _gets(summary: str, responses: dict[str, Any], path: Sequence[str]) -> dict[str, Any]:
    return {"get": {"summary": summary, "parameters": _in_path(*path), "responses": responses}}


def _in_path(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "in": "path", "required": True, "schema": _STRING} for name in names]


def _in_query(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "in": "query", "schema": _STRING} for name in names]


_SIGNAL = {
    "get": {
        "summary": "The signalling WebSocket; its first message carries the grant",
        "parameters": [
            {
                "name": "Sec-WebSocket-Protocol",
                "in": "header",
                "required": True,
                "schema": {"const": "hugathome.v1"},
            }
        ],
        "responses": {"101": {"description": "WebSocket"}},
    }
}


def _posts_signal() -> dict[str, Any]:
    """Describe the same by POSTs; `docs/reference/signalling.md` says what goes to and fro."""
    told = {kind: {"schema": {"type": "object"}} for kind in ("application/json", "text/event-stream")}
    responses: dict[str, Any] = {str(each): _problem(each) for each in (400, 403, 404, 413, 415, 503)}
    responses["200"] = {"description": "What was asked, or all that is told", "content": told}
    return {
        "post": {
            "summary": "The same without a WebSocket; the last step of the path is the client's own choice",
            "parameters": _in_path("door"),
            "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}},
            "responses": responses,
        }
    }


def _problem(status: int) -> dict[str, Any]:
    return {"description": _REASONS[status], "content": _content("application/problem+json", "Problem")}


def _content(media_type: str, schema: str) -> dict[str, Any]:
    return {media_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


_PATHS = {
    "/j/{link}": _looks("The page of an invitation", "text/html", 404, path=("link",)),
    "/room": _looks("The page for whoever holds a grant, which travels in the fragment", "text/html"),
    "/browser/{name}": _leads("Leads to a file of the pages as it is now", "name"),
    "/browser/{release}/{name}": _looks(
        "A file of the pages", "application/octet-stream", 304, 404, path=("release", "name")
    ),
    "/browser/{release}/{folder}/{name}": _looks(
        "A file of the pages", "application/octet-stream", 304, 404, path=("release", "folder", "name")
    ),
    "/openapi.json": _looks("This description", "application/json"),
    "/health": _looks("Whether this process answers", "application/json"),
    "/ready": _looks("Whether store and log answer too", "application/json", 503),
    "/receipts/{gateway}/{token}": _posts_receipts(),
    "/signal": _SIGNAL,
    "/signal/{door}": _posts_signal(),
    "/api/link": _asks("Look at a visit through its link", "LinkAsked", 200, "LinkAnswer", 404),
    "/api/send-code": _asks(
        "Send the participant their code", "LinkAsked", 202, "Nothing", 403, 404, 409, 410, 429
    ),
    "/api/check-in": _asks(
        "Trade link and code for a pass", "CheckInAsked", 200, "LetIn", 403, 404, 409, 410, 429
    ),
    "/api/pass": _asks("Trade a grant for a pass", "PassAsked", 200, "LetIn", 403, 409, 410),
    "/api/grant": _asks("Trade a pass for a grant", "GrantAsked", 200, "Granted", 403, 409, 410),
    "/api/call-me-back": _asks(
        "Tell the clinician to call", "CallMeBackAsked", 202, "Nothing", 403, 404, 409, 410
    ),
    "/api/call": _asks(
        "Staff ring a participant's page, or have an SMS sent",
        "StaffAsked",
        200,
        "Called",
        *(403, 404, 409, 410),
    ),
    "/api/code-for": _asks(
        "Staff have a participant's code sent, to be read out to them",
        "StaffAsked",
        202,
        "Nothing",
        *(403, 404, 409, 410, 429),
    ),
    "/api/identify": _asks(
        "Staff record how they know who a participant is",
        "IdentifyAsked",
        200,
        "Nothing",
        *(403, 404, 409, 410),
    ),
}
