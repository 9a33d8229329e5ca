"""How dead letters look: text and bytes from outside are shown, never obeyed."""

import base64
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from cli.support.terminal import escape

if TYPE_CHECKING:
    from streams.dlq.dead_letters import DeadLetter
    from streams.dlq.redrive import RedriveResult


def described(letter: "DeadLetter") -> dict[str, Any]:
    """A dead letter without its bytes, as JSON has it."""
    return {
        "failed_at": letter.failed_at,
        "kind": letter.kind,
        "detail": letter.detail,
        "source": None
        if letter.source is None
        else dict(zip(("partition", "offset"), letter.source, strict=True)),
        "bytes": letter.size,
    }


def encoded(letter: "DeadLetter") -> dict[str, str | None]:
    """Its bytes as JSON has them: base64."""
    data = {"key_base64": letter.key, "value_base64": letter.value}
    return {
        name: None if value is None else base64.b64encode(value).decode()
        for name, value in data.items()
    }


def lines(letter: "DeadLetter", most: int | None) -> Iterator[Text]:
    """All about one dead letter, at most so many bytes of its value; what is no UTF-8, and what is not printable, as an escape."""
    value = letter.value or b""
    shown = {name: str(text) for name, text in described(letter).items()} | {
        "source": _source(letter)
    }
    shown["key"] = "null" if letter.key is None else letter.key.decode(errors="backslashreplace")
    shown["value"] = (
        "null" if letter.value is None else value[:most].decode(errors="backslashreplace")
    )
    for name, text in shown.items():
        yield Text(f"{name:<10}") + escape(text)
    if most is not None and len(value) > most:
        yield Text(f"{len(value) - most:,} bytes more: --full")


def _source(letter: "DeadLetter") -> str:
    return "?" if letter.source is None else f"{letter.source[0]}:{letter.source[1]}"


def table(letters: "list[DeadLetter]") -> Table:
    """The dead letters, one below the other; `source` is partition:offset of `transactions`."""
    shown = Table(box=None, pad_edge=False)
    for name in ("failed at (UTC)", "kind", "source", "bytes", "detail"):
        shown.add_column(
            name, justify="right" if name in ("source", "bytes") else "left", overflow="fold"
        )
    for letter in letters:
        when = letter.failed_at[:19].replace("T", " ")
        shown.add_row(
            escape(when),
            escape(letter.kind),
            _source(letter),
            f"{letter.size:,}",
            escape(letter.detail),
        )
    return shown


def notes(result: "RedriveResult", dry_run: bool) -> Iterator[str]:
    """What became of the chosen ones, a line each."""
    yield (
        f"{result.chosen:,} chosen, {result.to_send:,} would be sent"
        if dry_run
        else f"{result.chosen:,} chosen, {result.sent:,} sent"
    )
    reasons = {
        "missing": "not found: no dead letter is of that record",
        "already": "sent already by an earlier redrive, or another dead letter of the same record",
        "unknown": "not sent: the headers name no record of `transactions`",
        "expired": "not sent: `transactions` no longer holds the record, so nobody can tell whether it was sent again already",
        "too_large": "not sent: with the headers that say where it came from it is larger than `transactions` takes",
    }
    for name, meaning in reasons.items():
        if count := getattr(result, name):
            yield f"{count:,} {meaning}"
