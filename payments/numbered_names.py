"""Names that differ in a number that counts up, written as in V1..V28."""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

_NUMBERED = re.compile(r"(.*?)(\d+)")
_LEAST_RUN = 3


def abbreviate(names: Sequence[str], known: Iterable[str]) -> list[str]:
    """Return names with each complete run of the known ones as in V1..V28."""
    found = list(names)
    for run in _find_runs(known):
        for at in range(len(found)):
            if found[at : at + len(run)] == run:
                found[at : at + len(run)] = [f"{run[0]}..{run[-1]}"]
    return found


def list_in_words(names: Sequence[str]) -> str:
    """Return `V1..V28 and Amount`: the names, with runs of numbered ones abbreviated."""
    *others, last = abbreviate(names, names)
    return f"{', '.join(others)} and {last}" if others else last


def _find_runs(names: Iterable[str]) -> list[list[str]]:
    def find_start(place: tuple[int, str]) -> tuple[str, int | None]:
        at, name = place
        match = _NUMBERED.fullmatch(name)
        return (match[1], int(match[2]) - at) if match else (name, None)

    runs = [[name for _, name in run] for _, run in groupby(enumerate(names), find_start)]
    return [run for run in runs if len(run) >= _LEAST_RUN]
