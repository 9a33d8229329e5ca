"""Measure the drift verdict on simulated streams and creditcard.csv.

Run: python -m benchmarks.drift

Writes docs/drift-measurements.md. Takes half an hour of CPU time for as many windows as the page
promises; with fewer rows there are fewer windows, and the page says so.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.drift import pace, page, streams, trials
from benchmarks.drift.trials import Detection, Stream, Undisturbed
from cli.support.settings import ROOT, Settings
from drift.detect.reference import load as load_reference
from drift.detect.rolling_baseline import WINDOWS
from drift.quality import POOLED_WINDOWS
from model import dataset
from model.artefact import Model
from model.split import split
from payments.arrays import Floats
from payments.contract import INPUTS
from producer.dataset import fetch

SIZES = {500: 2_000, 1_000: 2_000, 5_000: 2_000, 10_000: 600, 20_000: 600, 50_000: 600}
DISTURBANCES = {
    "mean shift": ("shift", 0.5),
    "scale": ("scale", 1.5),
    "stuck at one value in half of the rows": ("stuck", 0.5),
}
FOUND_SIZES = (500, 1_000, 5_000, 20_000)
BY_AMOUNT = {
    "mean shift of {} sd": ("shift", (0.25, 0.5, 0.75, 1.0, 1.5)),
    "scale x {}": ("scale", (1.25, 1.5, 2.0, 3.0)),
    "stuck at one value in {:.0%} of the rows": ("stuck", (0.1, 0.25, 0.5)),
}
TAIL_SIZES = (1_000, 5_000, 20_000)
SPEED_SIZES = (500, 1_000, 5_000)
REAL_SIZES = (1_000, 5_000)
FRAUD_SIZES = (1_000, 5_000)
PACE_SIZES = (1_000, 5_000)
_FEATURE_SHIFTS = (0.5, 1.0, 2.0)
_FEATURE_RUNS = 20
_KEPT = 500_000  # rows to disturb


def _watch_undisturbed(model: Model, rhythm: bool, rows: int) -> tuple[Stream, list[Undisturbed]]:
    known = streams.build_reference(model, rhythm)
    watches = [Undisturbed(known, size, most) for size, most in SIZES.items() if rows // size > 20]
    kept: list[Floats] = []
    for part in streams.simulate_stream(model, rows, rhythm):
        if sum(map(len, kept)) < _KEPT:
            kept.append(part)
        for watch in watches:
            watch.feed(part)
    return Stream(model, known, np.concatenate(kept)), watches


def _measure_simulated(model: Model, rhythm: bool, rows: int, runs: int) -> page.Simulated:
    stream, watches = _watch_undisturbed(model, rhythm, rows)
    features = trials.cycle_features(runs)
    detections = {
        (name, size, method): detection
        for name, disturbance in DISTURBANCES.items()
        for size in FOUND_SIZES
        if len(stream.rows) > 2 * (WINDOWS + 2) * size
        for method, detection in trials.detect_disturbance(
            stream, size, *disturbance, features
        ).items()
    }
    if rhythm:
        by_amount = _detect_by_amount(stream, features)
        return page.Simulated(rhythm, watches, detections, by_amount, {}, runs, {})
    high_scores = {
        size: trials.detect_high_scores(stream, size, page.REVIEW_SHARE, runs)
        for size in TAIL_SIZES
    }
    events_per_second = {
        size: trials.measure_events_per_second(stream.known, stream.rows, size)
        for size in SPEED_SIZES
    }
    return page.Simulated(rhythm, watches, detections, {}, high_scores, runs, events_per_second)


def _detect(stream: Stream, kind: str, amount: float, features: Sequence[str]) -> Detection:
    """Compare with the previous windows, as the monitor does."""
    methods = ["rolling"]
    return trials.detect_disturbance(stream, 1_000, kind, amount, features, methods)["rolling"]


def _detect_by_amount(
    stream: Stream, features: Sequence[str]
) -> dict[tuple[str, float], Detection]:
    return {
        (name, amount): _detect(stream, kind, amount, features)
        for name, (kind, amounts) in BY_AMOUNT.items()
        for amount in amounts
    }


def _measure_real(model: Model, csv: Path, runs: int) -> page.Real:
    table = dataset.read(csv, model.decoder.encoder)
    rows = streams.append_margins(model, table[list(model.features)].to_numpy(np.float64))
    parts = split(len(table))
    known = load_reference(model.directory, model.schema).detector
    later = rows[parts.test]
    earlier = rows[: parts.out_of_fold.start]
    stream = Stream(model, known, later)
    return page.Real(
        windows={
            (name, size): trials.judge_windows(known, part, size)
            for name, part in (("test part", later), ("first half of the training part", earlier))
            for size in REAL_SIZES
        },
        by_amount=_detect_by_amount(stream, trials.cycle_features(runs)),
        features={
            name: {
                amount: _detect(stream, "shift", amount, [name] * _FEATURE_RUNS)
                for amount in _FEATURE_SHIFTS
            }
            for name in INPUTS
        },
        rises=trials.detect_fraud_rises(table["Class"].to_numpy(bool), 1_000, runs),
    )


def main(
    rows: Annotated[
        int,
        typer.Option(
            min=300_000,
            help="Rows of each simulated stream; 31,000,000 give every promised window.",
        ),
    ] = 31_000_000,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each disturbance.")] = 116,
    records: Annotated[
        int, typer.Option(min=100_000, help="Predictions for the monitor to process.")
    ] = 2_000_000,
    out: Annotated[Path, typer.Option(help="The page to write.")] = ROOT
    / "docs"
    / "drift-measurements.md",
) -> None:
    """Measure false alarms, detection and speed of the drift verdict, and write the page.

    Example: python -m benchmarks.drift --rows 2500000
    """
    settings = Settings.from_environment()
    model = Model.load(settings.model, settings.schema)
    paces = pace.measure_paces(records, PACE_SIZES)
    simulated = [_measure_simulated(model, rhythm, rows, runs) for rhythm in (False, True)]
    needed = {size: (SIZES[size] + POOLED_WINDOWS - 1) * size for size in FRAUD_SIZES}
    labels = streams.simulate_labels(min(rows, max(needed.values())))
    rises = [trials.detect_fraud_rises(labels[:end], size, runs) for size, end in needed.items()]
    csv = fetch(settings.cache, settings.data, lambda *_: None)
    real = _measure_real(model, csv, runs)
    out.write_text(page.render_page(simulated, rises, real, paces, SIZES))
    print(out)


if __name__ == "__main__":
    typer.run(main)
