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
from payments.contract import INPUTS
from payments.display import shorten_name

_STATIC = Path(__file__).parents[1] / "static"

router = APIRouter(prefix="/console", include_in_schema=False)


@router.get("")
async def show_page(request: Request) -> HTMLResponse:
    """Serve the page."""
    return render("console.html", has_login=request.app.state.has_login)


@router.get("/names.js")
def list_names() -> Response:
    """Serve the features' display names as a JavaScript module."""
    names = {feature: shorten_name(feature) for feature in INPUTS}
    return Response(
        b"export const NAMES = %b;\n" % msgspec.json.encode(names), media_type="text/javascript"
    )


@router.get("/card-number.js")
def show_card_number() -> Response:
    """Serve the pattern of card numbers as a JavaScript module."""
    return Response(
        b"export const CARD_NUMBER = %b;\n" % msgspec.json.encode(PATTERN),
        media_type="text/javascript",
    )


@router.get("/patterns.js")
def list_patterns(dependencies: FromApp) -> Response:
    """Serve, as a JavaScript module, alerts and frauds of the patterns of reasons in training."""
    patterns = {
        ",".join(sorted(pattern.features)): (pattern.alerts, pattern.frauds)
        for pattern in dependencies.patterns
    }
    return Response(
        b"export const PATTERNS = %b;\n" % msgspec.json.encode(patterns),
        media_type="text/javascript",
    )


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
