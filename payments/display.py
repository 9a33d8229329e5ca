"""Names and values of features for people."""

import re
from collections.abc import Sequence

from payments.contract import COMPONENTS

ANONYMOUS = "V1 to V28 are anonymous principal components. Their meaning is not published."

_NAMES = {component: f"component {number}" for number, component in enumerate(COMPONENTS, 1)} | {
    "Amount": "amount"
}


def shorten_name(feature: str) -> str:
    """Return `component 14` for V14, `amount` for Amount, and any other name unchanged."""
    return _NAMES.get(feature, feature)


def name(feature: str) -> str:
    """Return `anonymous component 14 (V14)` for V14; for other features, the short name.

    The name says that a component has no known meaning, and which field of the transaction it is.
    """
    if feature in COMPONENTS:
        return f"anonymous {_NAMES[feature]} ({feature})"
    return shorten_name(feature)


def format_value(feature: str, value: float, digits: int = 4) -> str:
    """Return `25,691.16` for Amount, whole seconds for Time, else `digits` significant digits."""
    if feature == "Amount":
        return f"{value:,.2f}"
    if feature == "Time":
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


_NUMBERED = re.compile(r"(\D+)(\d+)")


def abbreviate_names(names: Sequence[str]) -> str:
    """Return the names as a list in words, with V1..V28 for a run of numbered ones."""
    runs: list[list[str]] = []
    for name in names:
        if runs and _follows(name, runs[-1][-1]):
            runs[-1].append(name)
        else:
            runs.append([name])
    shown = [text for run in runs for text in (run if len(run) <= 2 else [f"{run[0]}..{run[-1]}"])]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _follows(name: str, before: str) -> bool:
    later = _NUMBERED.fullmatch(name)
    earlier = _NUMBERED.fullmatch(before)
    if not later or not earlier:
        return False
    return later[1] == earlier[1] and int(later[2]) == int(earlier[2]) + 1
