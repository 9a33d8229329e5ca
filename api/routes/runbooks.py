"""The runbooks, to which the annotation `runbook_url` of each alert rule links."""

from functools import lru_cache
from importlib.resources import files

from fastapi import APIRouter, HTTPException
from markdown_it import MarkdownIt
from starlette.responses import HTMLResponse

from api.auth import RUNBOOKS
from api.templating import render

router = APIRouter(prefix=RUNBOOKS.rstrip("/"), include_in_schema=False)


@router.get("/{name}")
def show_runbook(name: str) -> HTMLResponse:
    """Serve a runbook as a page. `name` is that of its file, so that their links work here too."""
    text = _read_runbooks().get(name)
    if text is None:
        raise HTTPException(404, "there is no such runbook")
    heading, _, rest = text.partition("\n")
    content = MarkdownIt().render(rest)
    return render("runbook.html", title=heading.removeprefix("# "), content=content)


@lru_cache(maxsize=1)
def _read_runbooks() -> dict[str, str]:
    """Return the runbooks' texts by file name."""
    folder = files("api") / "runbooks"
    return {file.name: file.read_text() for file in folder.iterdir()}
