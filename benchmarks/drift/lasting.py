"""Count lasting shifts against the reference, on undisturbed streams and on creditcard.csv.

Run: python -m benchmarks.drift.lasting

Takes five minutes.
"""

import numpy as np
import typer

from benchmarks.drift.streams import append_margins, build_reference, simulate_stream
from cli.support.settings import Settings
from drift.detect.detector import DriftDetector
from drift.detect.reference import load
from drift.detect.reference_shift import ReferenceShift
from drift.detect.rolling_baseline import RollingBaseline
from model import dataset
from model.artefact import Model
from payments.arrays import Floats
from payments.contract import INPUTS
from producer.dataset import fetch

_ROWS = 1_000_000
_SIZES = (500, 1_000, 5_000)


def _describe(name: str, known: DriftDetector, rows: Floats, size: int) -> str:
    """Return a row of the table: the windows with each severity, and when the alarm began."""
    state = ReferenceShift()
    baseline = RollingBaseline()
    severities = []
    drifted = 0
    for start in range(0, len(rows) - size + 1, size):
        window = rows[start : start + size]
        verdict = known.detect(window, baseline)
        if verdict is None:
            raise ValueError(f"windows of {size} get no verdict")
        baseline.add(window)
        drifted += verdict.detected
        state = state.advance(verdict.reference)
        severities.append(state.severity)
    first = severities.index("alarm") + 1 if "alarm" in severities else "-"
    counts = (len(severities), drifted, *map(severities.count, ("warn", "alarm")))
    return f"| {name} | {size} | {' | '.join(map(str, counts))} | {first} |"


def main() -> None:
    """Print a table."""
    settings = Settings.from_environment()
    model = Model.load(settings.model, settings.schema)
    known = load(settings.model, settings.schema).detector
    table = dataset.read(
        fetch(settings.cache, settings.data, lambda *_: None), model.decoder.encoder
    )
    print("| stream | window | windows | drift | warn | alarm | first alarm |")
    print("|---|---|---|---|---|---|---|")
    test = model.manifest.test
    values = table[list(INPUTS)].to_numpy()[test.first : test.last + 1]
    for size in _SIZES:
        print(_describe("creditcard.csv, test part", known, append_margins(model, values), size))
    for rhythm in (False, True):
        known = build_reference(model, rhythm)
        rows = np.concatenate(list(simulate_stream(model, _ROWS, rhythm)))
        name = f"simulated, {'' if rhythm else 'no '}daily rhythm"
        for size in _SIZES:
            print(_describe(name, known, rows, size))


if __name__ == "__main__":
    typer.run(main)
