"""`python -m benchmarks.drift`: measures the drift verdict on simulated streams and on creditcard.csv, and writes docs/drift.md.

Takes half an hour of CPU time with as many windows as the page promises; fewer rows give fewer windows, and it says so.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.drift import pace, page, streams, trials
from benchmarks.drift.trials import Bench, Found, Undisturbed
from cli.support.settings import ROOT, Settings
from drift.detect.reference import load as load_reference
from drift.labels.quality import POOLED
from drift.windows.rolling_baseline import WINDOWS
from model import dataset
from model.artefact import Model
from model.training.split import split
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
REAL_SIZES = (1_000, 5_000)
FRAUD_SIZES = (1_000, 5_000)
PACE_SIZES = (1_000, 5_000)
_FEATURE_SHIFTS = (0.5, 1.0, 2.0)
_FEATURE_RUNS = 20
_KEPT = 500_000  # rows that disturbances are tried on


def _undisturbed(model: Model, rhythm: bool, rows: int) -> tuple[Bench, list[Undisturbed]]:
    known = streams.reference(model, rhythm)
    watches = [Undisturbed(known, size, most) for size, most in SIZES.items() if rows // size > 20]
    kept: list[streams.Floats] = []
    for part in streams.stream(model, rows, rhythm):
        if sum(map(len, kept)) < _KEPT:
            kept.append(part)
        for watch in watches:
            watch.feed(part)
    return Bench(model, known, np.concatenate(kept)), watches


def _simulated(model: Model, rhythm: bool, rows: int, runs: int) -> page.Simulated:
    bench, watches = _undisturbed(model, rhythm, rows)
    features = trials.turned(runs)
    share = page.REVIEW_SHARE
    return page.Simulated(
        rhythm=rhythm,
        undisturbed=watches,
        found={
            (name, size, method): found
            for name, what in DISTURBANCES.items()
            for size in FOUND_SIZES
            if len(bench.rows) > 2 * (WINDOWS + 2) * size
            for method, found in trials.found(bench, size, *what, features).items()
        },
        by_amount=_by_amount(bench, features) if rhythm else {},
        high_scores={}
        if rhythm
        else {size: trials.found_high_scores(bench, size, share, runs) for size in TAIL_SIZES},
        runs=runs,
        events_a_second={}
        if rhythm
        else {
            size: trials.events_a_second(bench.known, bench.rows, size)
            for size in (500, 1_000, 5_000)
        },
    )


def _beside(bench: Bench, kind: str, amount: float, features: Sequence[str]) -> Found:
    """Beside the windows before, as the monitor judges."""
    return trials.found(bench, 1_000, kind, amount, features, ["trailing"])["trailing"]


def _by_amount(bench: Bench, features: Sequence[str]) -> dict[tuple[str, float], Found]:
    return {
        (name, amount): _beside(bench, kind, amount, features)
        for name, (kind, amounts) in BY_AMOUNT.items()
        for amount in amounts
    }


def _real(model: Model, csv: Path, runs: int) -> page.Real:
    table = dataset.read(csv)
    rows = streams.scored(model, table[list(model.features)].to_numpy(np.float64))
    parts = split(len(table))
    known = load_reference(model.directory).reference
    later, earlier = rows[parts.test], rows[: parts.out_of_fold.start]
    bench = Bench(model, known, later)
    return page.Real(
        windows={
            (name, size): trials.real_windows(known, part, size)
            for name, part in (("test part", later), ("first half of the training part", earlier))
            for size in REAL_SIZES
        },
        by_amount=_by_amount(bench, trials.turned(runs)),
        features={
            name: {
                amount: _beside(bench, "shift", amount, [name] * _FEATURE_RUNS)
                for amount in _FEATURE_SHIFTS
            }
            for name in INPUTS
        },
        rises=trials.rises(table["Class"].to_numpy(bool), 1_000, runs),
    )


def main(
    rows: Annotated[
        int,
        typer.Option(
            min=300_000,
            help="Rows of each simulated stream; 31,000,000 give every window promised.",
        ),
    ] = 31_000_000,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each disturbance.")] = 116,
    records: Annotated[
        int, typer.Option(min=100_000, help="Predictions that the monitor goes through.")
    ] = 2_000_000,
    out: Annotated[Path, typer.Option(help="The page to write.")] = ROOT / "docs" / "drift.md",
) -> None:
    """Measure false alarms, delays and throughput of the drift verdict, and write the page.

    Example: python -m benchmarks.drift --rows 2500000
    """
    settings = Settings.from_environment()
    model = Model.load(settings.model)
    paces = pace.paces(records, PACE_SIZES)
    simulated = [_simulated(model, rhythm, rows, runs) for rhythm in (False, True)]
    needed = {size: (SIZES[size] + POOLED - 1) * size for size in FRAUD_SIZES}
    truth = streams.truth(min(rows, max(needed.values())))
    rises = [trials.rises(truth[:first], size, runs) for size, first in needed.items()]
    csv = fetch(settings.cache, settings.data, lambda *_: None)
    out.write_text(page.written(simulated, rises, _real(model, csv, runs), paces, SIZES))
    print(out)


if __name__ == "__main__":
    typer.run(main)
