"""The console: one page for the analyst, and the figures at its top. Its alerts come from `/alerts/stream`."""

from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, FastAPI, Query, Response
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from api.alert_store import Item
from api.background import Background, get_background
from payments.contract import INPUTS
from payments.display import short_name

_STATIC = Path(__file__).parents[1] / "static"

router = APIRouter(prefix="/console", include_in_schema=False)


@router.get("")
async def page() -> FileResponse:
    """The page."""
    return FileResponse(_STATIC / "console.html")


@router.get("/names.js")
def names() -> Response:
    """What people read instead of a feature's name, as a module for the page's scripts."""
    found = {feature: short_name(feature) for feature in INPUTS}
    return Response(
        b"export const NAMES = %b;\n" % msgspec.json.encode(found), media_type="text/javascript"
    )


@router.get("/vitals")
def vitals(
    background: Annotated[Background, Depends(get_background)],
    after: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """The points after number `after`, the last drift windows, the precision of what is judged, and why alerts may be old."""
    found = {
        "points": background.throughput.points(after),
        "windows": background.store.windows(),
        "precision": precision(background.store.items()),
        "problem": background.feed.problem,
    }
    return Response(msgspec.json.encode(found), media_type="application/json")


def precision(items: list[Item]) -> dict[str, Any]:
    """How many of these alerts are judged, and which share of those was fraud, with its interval; null without a judged one."""
    judged = [item.label.is_fraud for item in items if item.label is not None]
    return _precision(sum(judged), len(judged))


@lru_cache
def _precision(frauds: int, judged: int) -> dict[str, Any]:
    from model.intervals import wilson_interval  # scipy takes a second

    return {"judged": judged, **asdict(wilson_interval(frauds, judged))}


def add_files(app: FastAPI) -> None:
    """What the page is made of."""
    app.mount("/console/static", StaticFiles(directory=_STATIC))
