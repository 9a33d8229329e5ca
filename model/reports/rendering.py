"""Jinja templates of pages and cards, and the filters for numbers in them."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from model.intervals import Interval
from model.manifest import Rows


def format_decimals(value: float | None, digits: int) -> str:
    """Return `0.80` for 0.801 and 2 digits; a dash for None."""
    return "-" if value is None else f"{value:.{digits}f}"


def format_bounds(interval: Interval, digits: int) -> str:
    """Return `0.74 to 0.86`; a dash if there are no bounds."""
    if interval.low is None or interval.high is None:
        return "-"
    return f"{interval.low:.{digits}f} to {interval.high:.{digits}f}"


def _format_span(rows: Rows) -> str:
    return f"{rows.first}..{rows.last} ({rows.rows:,})"


def make_environment(package: str) -> Environment:
    """Return an environment for the folder `templates` of a package."""
    return Environment(
        loader=PackageLoader(package),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


_ENVIRONMENT = make_environment("model.reports")
_ENVIRONMENT.filters |= {
    "decimals": format_decimals,
    "bounds": format_bounds,
    "span": _format_span,
}


def render(template: str, **values: Any) -> str:
    """Render a template. In `.html.j2`, values are escaped unless the template marks them safe."""
    return _ENVIRONMENT.get_template(template).render(values)
