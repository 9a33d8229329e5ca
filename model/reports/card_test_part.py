"""The last section of MODEL_CARD.md: for which models the test part was opened, and what was found each time.

The card is not among the hashed files of an artefact: an opening leaves the version as it is.
"""

from collections.abc import Sequence
from pathlib import Path

from model.artefact import CARD
from model.evaluation.assessment import Assessment
from model.reports import evaluation_text as text

HEADING = "## Test part\n"
# True of every model here, whatever its parameters: all grow from the base score that was found then. The figure: docs/model.md.
_BEFORE = """If the file is creditcard.csv, this part had been opened twice before the default parameters were chosen: a first model
reached an average precision of 0.770 on it, and that is why these parameters, and the base score that every model here grows from, were
searched again; what was found reached 0.778, and fewer and shallower trees then took its place for what they cost. Each choice kept to
the training part, but nobody who knew the first figure chose blindly. With the default model that came of it the part has been opened
three times."""
_NOT_OPENED = "**Not opened for this artefact**: training and thresholds read none of it. `fraud evaluate` opens it, and adds what it finds."
_OPENED = "Opened by `fraud evaluate` for model "
_AFTER = ", after it was fitted and its thresholds were chosen."
_CARRIED = ", the same trees, before these thresholds were chosen."


def record_opening(artefact: Path, judged: Assessment) -> None:
    """Adds what was found on the test part to the artefact's card; the same judgement is not added twice. Raises OSError."""
    card = artefact / CARD
    before = card.read_text()
    found = merge_openings(parse_openings(before), [describe_opening(judged)])
    card.write_text(f"{before.partition(HEADING)[0]}{render_section(found)}")


def render_section(opened: Sequence[str]) -> str:
    """The section, with all that is known of openings, the first one first."""
    return "\n\n".join([HEADING + "\n" + _BEFORE, *(opened or [_NOT_OPENED])]) + "\n"


def describe_opening(judged: Assessment) -> str:
    """What was found, in words and a table."""
    rows = "\n".join(
        f"| {title} | {every} | {rest} |" for title, every, rest in text.metric_rows(judged)
    )
    return f"""{_OPENED}{judged.version}{_AFTER}

{text.describe_rows(judged)}

{" ".join(text.headline(judged))}
{text.describe_blocked(judged.evaluation.block)}
{text.describe_money(judged.evaluation)}

| metric | all rows | rows without a twin among the fitted |
|---|---|---|
{rows}

In brackets: 95 % intervals (Wilson's for precision and recall at a threshold, bootstrap for the rest)."""


def parse_openings(card: str) -> list[str]:
    """Those that a card tells of."""
    return [f"{_OPENED}{one.strip()}" for one in card.partition(HEADING)[2].split(_OPENED)[1:]]


def carry_over(opened: Sequence[str]) -> list[str]:
    """The same openings as the card of other thresholds tells of them, which whoever chose them may have known."""
    return [one.replace(_AFTER, _CARRIED) for one in opened]


def merge_openings(known: Sequence[str], further: Sequence[str]) -> list[str]:
    """All openings, those of `further` that are known already, in whichever words, left out."""
    already = carry_over(known)
    return [
        *known,
        *(
            one
            for one, plain in zip(further, carry_over(further), strict=True)
            if plain not in already
        ),
    ]
