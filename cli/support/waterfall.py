"""A decision as a waterfall: bars from the base through each contribution to the margin."""

from collections.abc import Iterator
from typing import Any

from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from scipy.special import logit

from cli.support.terminal import escape, format_utc
from model.explanation import BASE, MARGIN, REST, Step, build_waterfall
from payments.card_numbers import mask_text
from payments.display import Display

MOST_REASONS = 10  # of 29, to be readable at a glance
_MAX_BAR = 40
_MIN_BAR = 16
_MAX_TEXT = 14  # characters of a category; --json has all
_OTHER_COLUMNS = 85
_TOWARDS = "red"
_AWAY = "green"
_TOTAL = "cyan"
_DECISIONS = {"approve": "bold green", "review": "bold yellow", "block": "bold red"}
_NAMES = {
    BASE: "base: where every transaction starts",
    REST: "all other features",
    MARGIN: "margin (log odds)",
}


def draw_waterfall(alert: Any, display: Display, width: int) -> RenderableType:
    """Return an AlertRecord as a drawing `width` characters wide, with its texts escaped."""
    bars = max(_MIN_BAR, min(_MAX_BAR, width - _OTHER_COLUMNS))
    steps = build_waterfall(alert, MOST_REASONS)
    low = min(min(step.begin, step.end) for step in steps)
    span = max(max(step.begin, step.end) for step in steps) - low or 1.0
    table = Table(box=None, pad_edge=False)
    table.add_column("feature")
    for heading in ("value", "typical range", "contribution", "margin"):
        table.add_column(heading, justify="right", no_wrap=True)
    scale = Text(f"{low:+.1f}".ljust(bars - 6) + f"{low + span:+.1f}".rjust(6))
    table.add_column(scale, width=bars, no_wrap=True)
    for step in steps:
        begin, end = sorted((step.begin - low, step.end - low))
        table.add_row(
            *_format_cells(step, display),
            Bar(span, begin, end, width=bars, color=_choose_color(step)),
        )
    for name in ("review", "block"):
        margin = float(logit(getattr(alert.thresholds, name)))
        mark: Bar | str = ""
        if low <= margin <= low + span:
            at = margin - low
            mark = Bar(span, at, at + span / bars, width=bars, color="yellow")
        table.add_row(f"{name} from", "", "", "", f"{margin:+.2f}", mark)
    return Group(
        *_format_heading(alert, display),
        "",
        table,
        "",
        *_format_decision(alert, display),
        *filter(None, [display.explain_anonymous()]),
    )


def _format_cells(step: Step, display: Display) -> Iterator[Text]:
    reason = step.reason
    yield escape(display.name(step.name) if reason else _NAMES[step.name])
    if reason:
        value = display.format_value(step.name, reason.value)
        if isinstance(reason.value, str) and len(value) > _MAX_TEXT:
            value = f"{value[: _MAX_TEXT - 1]}…"
        yield escape(value, "bold" if _is_unusual(reason) else "")
        yield Text(display.format_usual(step.name, reason.usual))
    else:
        yield from (Text(), Text())
    yield Text("" if step.name in (BASE, MARGIN) else f"{step.end - step.begin:+.2f}")
    yield Text(f"{step.end:+.2f}")


def _is_unusual(reason: Any) -> bool:
    """Return whether a number is outside its typical range."""
    if isinstance(reason.usual, dict) or not isinstance(reason.value, float):
        return False
    low, high = reason.usual
    return not low <= reason.value <= high


def _choose_color(step: Step) -> str:
    if step.name in (BASE, MARGIN):
        return _TOTAL
    return _TOWARDS if step.end > step.begin else _AWAY


def _format_heading(alert: Any, display: Display) -> Iterator[Text]:
    yield Text("transaction ") + escape(mask_text(alert.transaction_id))
    happened = f"{format_utc(alert.event_time)} UTC"
    scored = f"{format_utc(alert.scored_at)} UTC"
    amount = display.format_amount(alert.amount)
    sentence = f"of {happened}, amount {amount}, scored {scored} by model "
    yield Text(sentence) + escape(alert.model_version)


def _format_decision(alert: Any, display: Display) -> Iterator[Text]:
    yield Text.assemble(
        f"probability {alert.probability:.4g}: ",
        (alert.decision, _DECISIONS[alert.decision]),
        f" (review from {alert.thresholds.review:.4g}, block from {alert.thresholds.block:.4g}); "
        f"expected loss {display.format_amount(alert.expected_loss)}",
    )
    share = ""
    if any(isinstance(reason.usual, dict) for reason in alert.reasons):
        share = "; of a category, the share of those rows with its value"
    yield Text(
        "typical range: 1st to 99th percentile among legitimate training rows; values outside are "
        f"bold{share}. contribution: to the margin, red towards fraud, green away from it."
    )
