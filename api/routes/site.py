"""Pages for people: the description of the server, the API documentation and the reports."""

import base64
import contextlib
import hashlib
import re
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.dependencies import FromApp
from api.middleware import REPORT_INDEX, REPORTS
from api.templating import render

router = APIRouter(tags=["status"])
_ASSETS = "/docs/assets"
DESCRIPTION = (
    "Scores payments as its stream on Kafka does: POST /predict answers at once, "
    "POST /transactions goes through Kafka."
)
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
    """The description of this server."""

    model_config = ConfigDict(protected_namespaces=())

    name: str
    description: str
    model_version: str
    links: dict[str, str]


@router.get("/", summary="What this is")
async def about(dependencies: FromApp) -> About:
    """And links to its pages."""
    return About(
        name="Streaming fraud scorer",
        description=DESCRIPTION,
        model_version=dependencies.model.version,
        links=LINKS,
    )


@router.get("/docs", include_in_schema=False)
async def show_documentation() -> HTMLResponse:
    """Serve Swagger UI from local files. The policy allows its one inline script by its hash."""
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
        f"default-src 'self'; script-src 'self' 'sha256-{digest}'; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    return page


@router.get(REPORTS, include_in_schema=False)
async def open_reports(dependencies: FromApp, request: Request) -> Response:
    """Open the monitor's index. `?all`, or without an index: list all reports, newest first."""
    folder = dependencies.home / "reports"
    if "all" not in request.query_params and (folder / REPORT_INDEX).exists():
        return RedirectResponse(REPORTS + REPORT_INDEX)
    paths = _sort_newest_first(folder)
    return render("reports.html", paths=[str(path) for path in paths])


def _sort_newest_first(folder: Path) -> list[Path]:
    """Return the relative paths of the reports in a folder, newest first."""
    dated = []
    for path in folder.rglob("*.html"):
        with contextlib.suppress(FileNotFoundError):  # `fraud monitor` removes old reports
            dated.append((path.stat().st_mtime, path.relative_to(folder)))
    return [path for _, path in sorted(dated, reverse=True)]


def add_files(app: FastAPI, home: Path) -> None:
    """Serve the files of the documentation page and the reports."""
    app.mount(_ASSETS, StaticFiles(directory=str(files("fastapi_offline") / "static")))
    reports = StaticFiles(directory=home / "reports", check_dir=False)
    # The first report creates the folder. Until then, every file is a 404 instead of an error.
    reports.config_checked = True
    app.mount(REPORTS.rstrip("/"), reports)
