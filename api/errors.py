"""Error answers: a status and `detail`, without the input and without a traceback.

A browser gets them as a page, any other client as JSON.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from api.templating import render
from payments.decoder import InvalidTransactionError


class Refusal(BaseModel):
    """Why a request was not served."""

    detail: str


class FieldError(BaseModel):
    """An error in one part of a request; `loc` ends with the field's name, if any."""

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
"""Answers that any operation may give."""


def _make_answer(content: Any, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Return an ASCII answer: a lone surrogate in a field's name can't be encoded as UTF-8."""
    return Response(json.dumps(content, separators=(",", ":")), status, headers, "application/json")


def wants_page(request: Request) -> bool:
    """Return whether the client is a browser that opens a page."""
    return "text/html" in request.headers.get("accept", "")


def refuse(
    request: Request, status: int, detail: Any, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the answer to a request that is not served; `detail` is a text or FieldErrors."""
    if not wants_page(request):
        return _make_answer({"detail": detail}, status, headers)
    texts = [detail] if isinstance(detail, str) else map(_describe, detail)
    page = render("error.html", status, title=HTTPStatus(status).phrase, texts=texts)
    page.headers.update(headers or {})
    return page


def _describe(error: Mapping[str, Any]) -> str:
    return f"{error['loc'][-1]}: {error['msg']}"


def _strip(errors: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the errors as FieldErrors, without the input."""
    return [
        {"loc": list(error["loc"]), "msg": error["msg"], "type": error["type"]} for error in errors
    ]


def refuse_body(
    request: Request, body: bytes, model: type[BaseModel], error: InvalidTransactionError
) -> Response:
    """Return the answer to a body that the decoder rejected.

    The decoder stops at the first wrong field. Validating against `model` again, with pydantic,
    names all of them.
    """
    if error.kind == "too_large":
        return refuse(request, 413, error.detail)
    try:
        model.model_validate_json(body)
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_context=False, include_input=False)
        named = [{**entry, "loc": ("body", *entry["loc"])} for entry in _merge_numbers(errors)]
        return refuse(request, 422, _strip(named))
    whole = {"loc": ["body"], "msg": error.detail, "type": error.kind}
    return refuse(request, 422, [whole])


def _merge_numbers(errors: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield errors with one for each number that may be whole or not, named by its path.

    Pydantic has an error for each of the two types, and puts the type at the end of the path.
    """
    places = {tuple(error["loc"]) for error in errors}
    for error in errors:
        *path, last = error["loc"] or ("",)
        both = {(*path, "int"), (*path, "float")} <= places
        if not both:
            yield error
        elif last == "float":
            yield {**error, "loc": path}


def add_handlers(app: FastAPI) -> None:
    """Replace the default handlers.

    FastAPI's repeats the input, in which a NaN can't be encoded. Starlette's shows a traceback
    when debugging.
    """

    @app.exception_handler(RequestValidationError)
    async def handle_invalid_request(request: Request, error: RequestValidationError) -> Response:
        return refuse(request, 422, _strip(error.errors()))

    @app.exception_handler(HTTPException)
    async def handle_refusal(request: Request, error: HTTPException) -> Response:
        return refuse(request, error.status_code, error.detail, error.headers)

    @app.exception_handler(Exception)
    async def handle_failure(request: Request, _: Exception) -> Response:
        return refuse(request, 500, "internal error; the server's log says more")
