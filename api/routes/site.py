"""Pages for people: what this is, the API's documentation, the reports."""

import base64
import contextlib
import hashlib
import html
import re
from importlib.resources import files
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict
from starlette.responses import HTMLResponse

from api.dependencies import Dependencies, get_dependencies
from api.middleware import REPORTS

router = APIRouter(tags=["status"])
_ASSETS = "/docs/assets"
DESCRIPTION = "Scores payments as its stream on Kafka does: POST /predict answers at once, POST /transactions goes through Kafka."
LINKS = {
    "console": "/console",
    "alerts": "/alerts",
    "documentation": "/docs",
    "openapi": "/openapi.json",
    "reports": REPORTS,
    "metrics": "/metrics",
    "health": "/health",
    "ready": "/ready",
}


class About(BaseModel):
    """What answers here."""

    model_config = ConfigDict(protected_namespaces=())

    name: str
    description: str
    model_version: str
    links: dict[str, str]


@router.get("/", summary="What this is")
async def about(dependencies: Annotated[Dependencies, Depends(get_dependencies)]) -> About:
    """And where to go on."""
    return About(
        name="Streaming fraud scorer",
        description=DESCRIPTION,
        model_version=dependencies.model.version,
        links=LINKS,
    )


@router.get("/docs", include_in_schema=False)
async def documentation() -> HTMLResponse:
    """Swagger UI from this server's own files. Its one inline script is allowed by its hash."""
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Streaming fraud scorer: API",
        swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{_ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{_ASSETS}/favicon.png",
    )
    script = re.findall(rb"<script>(.*?)</script>", bytes(page.body), re.DOTALL)[0]
    digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
    page.headers["content-security-policy"] = (
        f"default-src 'self'; script-src 'self' 'sha256-{digest}'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    return page


@router.get(REPORTS, include_in_schema=False)
async def reports(dependencies: Annotated[Dependencies, Depends(get_dependencies)]) -> HTMLResponse:
    """The reports of FRAUD_HOME, newest first."""
    return HTMLResponse(_index(_newest_first(dependencies.home / "reports")))


def _newest_first(folder: Path) -> list[Path]:
    dated = []
    for path in folder.rglob("*.html"):
        with contextlib.suppress(
            FileNotFoundError
        ):  # `fraud monitor` removes the oldest, maybe now
            dated.append((path.stat().st_mtime, path.relative_to(folder)))
    return [path for _, path in sorted(dated, reverse=True)]


def _index(paths: list[Path]) -> str:
    items = "\n".join(
        f'<li><a href="{quote(str(path))}">{html.escape(str(path))}</a>' for path in paths
    )
    content = (
        f"<ul>\n{items}\n</ul>"
        if paths
        else "<p>No reports yet. `fraud monitor` writes one for every window that drifted.</p>"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n<title>Reports</title>\n<h1>Reports</h1>\n{content}\n</html>\n'
    )


def add_files(app: FastAPI, home: Path) -> None:
    """The files behind these pages."""
    app.mount(_ASSETS, StaticFiles(directory=str(files("fastapi_offline") / "static")))
    found = StaticFiles(directory=home / "reports", check_dir=False)
    found.config_checked = (
        True  # the first report makes the folder; until then nothing is found, which is no error
    )
    app.mount(REPORTS.rstrip("/"), found)
