"""Show dead letters, with untrusted text and bytes escaped."""

import base64
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from cli.support.terminal import escape
from payments.card_numbers import mask_text

if TYPE_CHECKING:
    from payments.masking import Mask
    from streams.dlq.dead_letters import DeadLetter
    from streams.dlq.redrive import RedriveResult


def describe(letter: "DeadLetter") -> dict[str, Any]:
    """Return a dead letter for JSON, without its bytes."""
    origin = letter.origin
    return {
        "failed_at": letter.failed_at,
        "kind": letter.kind,
        "detail": letter.detail,
        "source": origin and dict(zip(("partition", "offset"), origin, strict=True)),
        "bytes": letter.size,
    }


def encode(letter: "DeadLetter") -> dict[str, str | None]:
    """Return its bytes for JSON, as base64."""
    data = {"key_base64": letter.key, "value_base64": letter.value}
    return {
        name: None if value is None else base64.b64encode(value).decode()
        for name, value in data.items()
    }


def format_lines(letter: "DeadLetter", mask: "Mask", most: int | None) -> Iterator[Text]:
    """Yield a dead letter's lines, with at most `most` bytes of its value, or all if None.

    Invalid UTF-8 and unprintable characters are escaped, and secrets and card numbers masked.
    """
    value = mask.hide_secrets(letter.value or b"")
    key = mask.hide_key(letter.key)
    shown = {name: str(text) for name, text in describe(letter).items()} | {
        "source": _format_origin(letter)
    }
    shown["key"] = "null" if key is None else key.decode(errors="backslashreplace")
    shown["value"] = (
        "null" if letter.value is None else value[:most].decode(errors="backslashreplace")
    )
    for name, text in shown.items():
        yield Text(f"{name:<10}") + escape(mask_text(text))
    if most is not None and len(value) > most:
        yield Text(f"{len(value) - most:,} more bytes: --full")


def _format_origin(letter: "DeadLetter") -> str:
    return "?" if letter.origin is None else f"{letter.origin[0]}:{letter.origin[1]}"


def make_table(letters: "list[DeadLetter]") -> Table:
    """Return a table of dead letters. `source` is partition:offset of `transactions`."""
    shown = Table(box=None, pad_edge=False)
    for name in ("failed at (UTC)", "kind", "source", "bytes", "detail"):
        shown.add_column(
            name,
            justify="right" if name in ("source", "bytes") else "left",
            overflow="fold",
            no_wrap=name not in ("kind", "detail"),
        )
    for letter in letters:
        when = letter.failed_at[:19].replace("T", " ")
        shown.add_row(
            escape(when),
            escape(letter.kind),
            _format_origin(letter),
            f"{letter.size:,}",
            escape(letter.detail),
        )
    return shown


def summarize(result: "RedriveResult", dry_run: bool) -> Iterator[str]:
    """Yield the result of a redrive, line by line."""
    yield (
        f"{result.chosen:,} chosen, {result.to_send:,} would be sent"
        if dry_run
        else f"{result.chosen:,} chosen, {result.sent:,} sent"
    )
    reasons = {
        "missing": "not found: that record has no dead letter",
        "already": "already sent by an earlier redrive, or duplicates of another dead letter",
        "unknown": "not sent: their headers name no record of `transactions`",
        "expired": "not sent: `transactions` no longer holds the record, "
        "so it may have been sent before",
        "too_large": "not sent: with its origin headers, the record exceeds the size limit "
        "of `transactions`",
    }
    for name, meaning in reasons.items():
        if count := getattr(result, name):
            yield f"{count:,} {meaning}"
