"""The last section of MODEL_CARD.md, once the test part was opened. The card is not among the hashed files of an artefact."""

from pathlib import Path

from model import evaluation_text as text
from model.artefact import CARD
from model.card import with_test_part
from model.judgement import Judgement


def write(artefact: Path, judged: Judgement) -> None:
    """Puts what was found on the test part into the artefact's card; the same judgement gives the same card. Raises OSError."""
    card = artefact / CARD
    card.write_text(with_test_part(card.read_text(), section(judged)))


def section(judged: Judgement) -> str:
    """The section's text, without its heading."""
    rows = "\n".join(f"| {title} | {every} | {rest} |" for title, every, rest in text.metric_rows(judged))
    return f"""Opened by `fraud evaluate` for model {judged.version}, after it was fitted and its thresholds were chosen.

{text.rows_judged(judged)}

{" ".join(text.headline(judged))}
{text.blocked(judged.evaluation.block)}
{text.money(judged.evaluation)}

| metric | all rows | rows without a twin among the fitted |
|---|---|---|
{rows}

In brackets: 95 % intervals (Wilson's for precision and recall at a threshold, bootstrap for the rest)."""
