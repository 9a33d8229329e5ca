"""The analyst's console: its page and the figures at the top. Alerts come from `/alerts/stream`."""

from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from api.alert_store import Item
from api.background import RunningBackground
from api.dependencies import FromApp
from api.templating import render
from payments.card_numbers import PATTERN
from payments.display import Display, find_format
from payments.schema.features import name_field
from payments.schema.reading import Schema

_STATIC = Path(__file__).parents[1] / "static"

router = APIRouter(prefix="/console", include_in_schema=False)


@router.get("")
async def show_page(request: Request) -> HTMLResponse:
    """Serve the page."""
    return render("console.html", has_login=request.app.state.has_login)


@router.get("/names.js")
def list_names(dependencies: FromApp) -> Response:
    """Serve the features' display names."""
    return _export("NAMES", Display(dependencies.model.decoder.schema).names)


@router.get("/schema.js")
def show_schema(dependencies: FromApp) -> Response:
    """Serve how to show payments and their features."""
    return _export("SCHEMA", describe_schema(dependencies.model.decoder.schema))


@router.get("/card-number.js")
def show_card_number() -> Response:
    """Serve the pattern of card numbers."""
    return _export("CARD_NUMBER", PATTERN)


@router.get("/patterns.js")
def list_patterns(dependencies: FromApp) -> Response:
    """Serve alerts and frauds of the patterns of reasons in training."""
    patterns = {
        ",".join(sorted(pattern.features)): (pattern.alerts, pattern.frauds)
        for pattern in dependencies.patterns
    }
    return _export("PATTERNS", patterns)


def _export(name: str, value: Any) -> Response:
    """Return a JavaScript module that exports a value."""
    text = b"export const %b = %b;\n" % (name.encode(), msgspec.json.encode(value))
    return Response(text, media_type="text/javascript")


def describe_schema(schema: Schema) -> dict[str, Any]:
    """Return how the page shows the payments of a schema.

    `features` and `amount` are the formats of what is not a plain number. `fields` are what a
    payment carries besides id, time, amount and anonymous fields, the message key first: name in
    words, path, format, and what a value in minor units is divided by.
    """
    display = Display(schema)
    roles = schema.roles
    fields = {roles.key: schema.fields[roles.key]} | schema.fields
    return {
        "amount": display.amount,
        "features": display.formats,
        "fields": [
            {
                "name": name_field(schema.declaration, name),
                "path": field.find_parts(name),
                "format": find_format(field),
                "divisor": 10**field.decimals if field.unit == "minor" else 1,
            }
            for name, field in fields.items()
            if name not in (roles.id, roles.time, roles.amount) and not field.anonymous
        ],
        "anonymous": {
            name: field.find_parts(name) for name, field in fields.items() if field.anonymous
        },
    }


@router.get("/vitals")
def show_figures(background: RunningBackground, after: Annotated[int, Query(ge=0)] = 0) -> Response:
    """Serve the points after number `after`, the drift windows, the precision and any problem."""
    figures = {
        "points": background.throughput.list_points(after),
        "windows": background.store.list_windows(),
        "precision": compute_precision(background.store.list_items()),
        "problem": background.feed.problem,
    }
    return Response(msgspec.json.encode(figures), media_type="application/json")


def compute_precision(items: list[Item]) -> dict[str, Any]:
    """Return the number of labelled alerts and their share of fraud, with its interval.

    The share is None if no alert has a label.
    """
    judged = [item.label.is_fraud for item in items if item.label is not None]
    return _compute_precision(sum(judged), len(judged))


@lru_cache
def _compute_precision(frauds: int, judged: int) -> dict[str, Any]:
    from model.intervals import estimate_share  # scipy takes a second

    return {"judged": judged, **asdict(estimate_share(frauds, judged))}


def add_files(app: FastAPI) -> None:
    """Serve the page's scripts and styles."""
    app.mount("/console/static", StaticFiles(directory=_STATIC))
