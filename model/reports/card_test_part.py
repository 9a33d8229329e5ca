"""The last section of MODEL_CARD.md: for which models the test part was opened, with results.

The card is not one of an artefact's hashed files, so recording a result does not change the
version.
"""

from collections.abc import Sequence
from pathlib import Path

from model.artefact import CARD
from model.evaluation.assessment import Assessment
from model.files import write_atomically
from model.reports import evaluation_text as text
from model.reports.rendering import render

# Cards are read back by these texts.
HEADING = "## Test part\n"
_OPENED = "Opened by `fraud evaluate` for model "
_AFTER = ", after it was fitted and its thresholds were chosen."
_EARLIER = ", the same trees, before these thresholds were chosen."

_NOT_OPENED = (
    "**Not opened for this artefact**: training and thresholds read none of its payments, only how "
    "many there are and the last Time. `fraud evaluate` opens it and adds the results here."
)


def record_opening(artefact: Path, assessment: Assessment) -> None:
    """Add the results on the test part to the artefact's card, unless it has them already.

    Raises OSError.
    """
    card = artefact / CARD
    before = card.read_text()
    openings = merge_openings(parse_openings(before), [describe_opening(assessment)])
    write_atomically(card, f"{before.partition(HEADING)[0]}{render_section(openings)}")


def render_section(openings: Sequence[str]) -> str:
    """Return the section with the given openings, the first one first."""
    return render("test_part.md.j2", heading=HEADING, openings=openings or [_NOT_OPENED])


def describe_opening(assessment: Assessment) -> str:
    """Return the results in words and a table."""
    return render(
        "opening.md.j2", opened=_OPENED, after=_AFTER, assessment=assessment, text=text
    ).strip()


def parse_openings(card: str) -> list[str]:
    """Return the openings that a card records."""
    return [f"{_OPENED}{one.strip()}" for one in card.partition(HEADING)[2].split(_OPENED)[1:]]


def carry_over(openings: Sequence[str]) -> list[str]:
    """Return the same openings for the card of thresholds that were chosen later."""
    return [one.replace(_AFTER, _EARLIER) for one in openings]


def merge_openings(openings: Sequence[str], further: Sequence[str]) -> list[str]:
    """Return all openings, without those of `further` that are known in either wording."""
    recorded = carry_over(openings)
    new = [one for one in further if carry_over([one])[0] not in recorded]
    return [*openings, *new]
