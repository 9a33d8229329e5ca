"""Renders the HTML pages in `api/templates`; every value is escaped."""

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

_environment = Environment(
    loader=PackageLoader("api"), autoescape=True, trim_blocks=True, undefined=StrictUndefined
)


def render(name: str, status: int = 200, **values: object) -> HTMLResponse:
    """Return the page of the template `name`, filled with `values`."""
    return HTMLResponse(_environment.get_template(name).render(values), status)
