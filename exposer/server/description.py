"""The OpenAPI document: what FastAPI derives from the routes, and what only the whole server knows.

That is HEAD, the statuses and headers of RFC 9110 and RFC 9530 for files, and the credentials that are asked for.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI

from exposer.server.access import OPEN_PATHS, Access
from exposer.server.bodies import ADDRESS
from exposer.server.problem import MEDIA_TYPE, ProblemDetails

DURATION = r"^([0-9]+(\.[0-9]+)?|([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+)$"
"""What `exposer.duration.parse_duration` takes, as a regular expression of ECMA 262."""
_ANYWHERE = (
    "A request that is not HTTP, too large or too slow gets 400, 408, 414 or 431 whatever it asks for; 503 `busy` says"
    " that too many connections are open. Any method but GET and HEAD gets 405."
)
_FILES = frozenset({"/genesis", "/artifacts/{name}"})
_DATE = r"^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$"
_TAG = '^"[0-9a-f]{64}"$'

Node = dict[str, Any]


def _fields(**patterns: str) -> Node:
    """Response headers that are always there, by name with underscores, each with its pattern."""
    return {
        name.replace("_", "-"): {"required": True, "schema": {"type": "string", "pattern": pattern}}
        for name, pattern in patterns.items()
    }


_PRIVATE = _fields(Cache_Control="^no-store$")
_VALIDATORS = _fields(ETag=_TAG, Vary="^accept-encoding$")
_SENT = {
    **_VALIDATORS,
    **_fields(
        Cache_Control="^no-cache$",
        Last_Modified=_DATE,
        Repr_Digest="^sha-256=:[A-Za-z0-9+/]{43}=:$",
        Accept_Ranges="^bytes$",
    ),
    "Content-Encoding": {"schema": {"enum": ["gzip", "zstd"]}, "description": "where a variant is sent"},
}
_FILE_FIELDS: Mapping[str, Node] = {
    "206": {**_SENT, "Content-Range": {"schema": {"type": "string"}, "description": "of a single range"}},
    "304": {**_VALIDATORS, **_fields(Cache_Control="^no-cache$")},
    "412": {**_VALIDATORS, **_PRIVATE},
    "416": {**_VALIDATORS, **_PRIVATE, **_fields(Content_Range=r"^bytes \*/[0-9]+$", Accept_Ranges="^bytes$")},
}
_CONDITIONS = ("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "Range", "If-Range")


class DescribedAPI(FastAPI):
    """An application whose OpenAPI document is complete."""

    access: Access

    def openapi(self) -> Node:
        """The document, made once."""
        if self.openapi_schema is None:
            _complete(super().openapi(), self.access)
        return self.openapi_schema or {}


def _complete(document: Node, access: Access) -> None:
    document["info"]["description"] = _ANYWHERE
    components = document["components"]
    for name in ("HTTPValidationError", "ValidationError"):  # FastAPI's, which nobody gets here
        components["schemas"].pop(name, None)
    components["schemas"]["ProblemDetails"] = ProblemDetails.model_json_schema()
    if access.needs_token:
        components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    for path, item in document["paths"].items():
        operation = item["get"]
        _complete_operation(path, operation)
        _restrict(path, operation, access)
        item["head"] = _for_head(operation)


def _complete_operation(path: str, operation: Node) -> None:
    responses, parameters = operation["responses"], operation.setdefault("parameters", [])
    responses.pop("422", None)
    for parameter in parameters:
        if parameter["name"] == "wait":
            parameter["schema"] = {"type": "string", "pattern": DURATION}
            responses["400"] = _problem("`wait` is not a duration")
        if parameter["name"] == "validator":
            parameter["schema"] = {"type": "string", "pattern": ADDRESS}
            responses["400"] = _problem("`validator` is not an address")
    if "503" in responses:
        responses["503"] = _problem(responses["503"]["description"], _fields(Retry_After="^[0-9]+$"))
    if "404" in responses:
        responses["404"] = _problem(responses["404"]["description"])
    if path in _FILES:
        _complete_file(responses)
        parameters += _optional((*_CONDITIONS, "Accept-Encoding"))
    if path == "/":
        responses["304"] = {"description": "the client has it"}
        for status in ("200", "304"):
            responses[status]["headers"] = _fields(ETag=_TAG, Cache_Control="^no-cache$", Content_Security_Policy=".+")
        parameters += _optional(("If-None-Match",))
    if path == "/metrics":
        responses["200"]["content"]["application/openmetrics-text"] = {"schema": {"type": "string"}}


def _complete_file(responses: Node) -> None:
    """What a file's own bytes can be answered with (RFC 9110, sections 13 and 14)."""
    media = responses["200"]["content"]
    if len(media) > 1:
        media.pop("application/json")  # FastAPI's guess of what an artifact is
    # Of a part, no schema of the whole holds.
    responses["206"] = {"description": "a part", "content": {kind: {} for kind in (*media, "multipart/byteranges")}}
    responses["304"] = {"description": "the client has it"}
    responses["412"] = _problem("a precondition does not hold")
    responses["416"] = _problem("the range begins behind the end of the file")
    for status, fields in {"200": _SENT, **_FILE_FIELDS}.items():
        responses[status]["headers"] = fields


def _restrict(path: str, operation: Node, access: Access) -> None:
    """Say what it takes to get an answer; what is open to all is so without a query alone."""
    responses = operation["responses"]
    if access.needs_token:
        operation["security"] = [{"bearer": []}, *([{}] if path in OPEN_PATHS else [])]
        responses["401"] = _problem("no bearer token, or a wrong one", _fields(WWW_Authenticate="^Bearer "))
    if access.needs_certificate:
        responses["403"] = _problem("no client certificate")


def _problem(description: str, fields: Node | None = None) -> Node:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    return {"description": description, "content": content, "headers": {**_PRIVATE, **(fields or {})}}


def _optional(names: Iterable[str]) -> list[Node]:
    """Request headers that anybody may leave out, and that are ignored where they make no sense (RFC 9110)."""
    return [{"name": name, "in": "header", "required": False, "schema": {"type": "string"}} for name in names]


def _for_head(operation: Node) -> Node:
    """The same without bodies; a range has a meaning for GET alone (RFC 9110, 14.2)."""
    parameters = [one for one in operation["parameters"] if one["name"] not in {"Range", "If-Range"}]
    responses = {
        status: {key: value for key, value in response.items() if key != "content"}
        for status, response in operation["responses"].items()
        if status not in {"206", "416"}
    }
    return {
        **operation,
        "operationId": operation["operationId"] + "_head",
        "parameters": parameters,
        "responses": responses,
    }
