"""What a client is told when its request is refused: a status and `detail`, never what was sent, never a trace."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from payments.records import InvalidTransactionError


class Refusal(BaseModel):
    """Why a request was not served."""

    detail: str


class FieldError(BaseModel):
    """What is wrong with one part of a request; `loc` ends with the field's name where there is one."""

    loc: list[str | int]
    msg: str
    type: str


class Invalid(BaseModel):
    """Everything that is wrong with a request."""

    detail: list[FieldError]


REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {
        "model": Refusal,
        "description": "The Host header names another server, or the request cannot be read",
    },
    403: {"model": Refusal, "description": "A page of another site has sent it"},
    413: {"model": Refusal, "description": "The body is larger than a transaction may be"},
    422: {"model": Invalid, "description": "A field is missing or wrong; `loc` names it"},
    429: {
        "model": Refusal,
        "description": "Too many requests; `Retry-After` says when to come back",
    },
}
"""What any operation may answer besides its own."""


def _json(content: Any, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """ASCII: a lone surrogate that a client sent in a field's name has no UTF-8."""
    return Response(json.dumps(content, separators=(",", ":")), status, headers, "application/json")


def refused(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a request that is not served."""
    return _json({"detail": detail}, status, headers)


def _without_input(errors: Iterable[Mapping[str, Any]]) -> Response:
    kept = [
        {"loc": list(error["loc"]), "msg": error["msg"], "type": error["type"]} for error in errors
    ]
    return _json({"detail": kept}, 422)


def invalid(body: bytes, declared: type[BaseModel], error: InvalidTransactionError) -> Response:
    """The answer to a body that `payments.records.decode` has refused as no `declared`.

    The decoder stops at the first field that is wrong; pydantic, asked only here, names all of them.
    """
    if error.kind == "too_large":
        return refused(413, error.detail)
    try:
        declared.model_validate_json(body)
    except ValidationError as found:
        errors = found.errors(include_url=False, include_context=False, include_input=False)
        return _without_input([{**entry, "loc": ("body", *entry["loc"])} for entry in errors])
    return _without_input([{"loc": ("body",), "msg": error.detail, "type": error.kind}])


def add_handlers(app: FastAPI) -> None:
    """FastAPI's own answers repeat what was sent (a NaN there cannot be encoded), and Starlette's show a trace when debugging."""

    @app.exception_handler(RequestValidationError)
    async def invalid_request(_: Request, error: RequestValidationError) -> Response:
        return _without_input(error.errors())

    @app.exception_handler(Exception)
    async def failed(_: Request, __: Exception) -> Response:
        return refused(500, "internal error; the server's log says more")
