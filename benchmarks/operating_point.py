"""Measure the rules for `review` on prefixes of the training part: the reasons for the default.

Run: python -m benchmarks.operating_point

Each rule chooses its threshold at the end of a prefix, on out-of-fold rows of the prefix, and is
judged on the rows that follow (`model.training.forward_cuts`). Never reads the test part. Takes two
minutes of CPU time.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import typer

from cli.support.settings import Settings
from model import dataset
from model.artefact import Model
from model.manifest import Capacity, ForwardCut, Limits, Policy, Score
from model.reports.evaluation_text import format_range
from model.split import split
from model.training.forward_cuts import Cut, CutRanges, read_cuts, score_ahead
from model.training.pipeline import fit_booster
from model.training.recipe import Recipe
from model.training.thresholds import DEFAULT_POLICY, LabelledScores, measure_payments_per_day
from payments.arrays import Flags, Floats
from payments.features import FeatureEncoder
from payments.schema.reading import DEFAULT, read_schema
from producer.dataset import fetch

ENCODER = FeatureEncoder(read_schema(DEFAULT), {})  # of creditcard.csv

SEGMENTS = 8  # for 7 prefixes, judged on up to a fifth of the file
SEEDS = (1, 2, 3)
COST_OF_A_REVIEW = 25.0  # in the currency of Amount
ASKED = 100.0
LARGER = 200.0
SCORE = 0.2


def _choose_by(review: Score | Capacity) -> Limits:
    return Limits(review=review, block=DEFAULT_POLICY.block)


RULES = {
    f"budget of {ASKED:g} a day": _choose_by(Capacity(alerts_per_day=ASKED)),
    f"budget of {LARGER:g} a day": _choose_by(Capacity(alerts_per_day=LARGER)),
    f"score of {SCORE:g}": _choose_by(Score(probability=SCORE)),
}


def _read_cuts(table: pd.DataFrame, seed: int) -> list[Cut]:
    """Return the cuts of a table, with boosters of this seed."""
    parts = split(len(table))
    first = parts.out_of_fold.start
    rows = parts.out_of_fold.stop - first
    edges = [first + rows * number // SEGMENTS for number in range(SEGMENTS + 1)]
    recipe = Recipe()
    seeded = replace(recipe, parameters=recipe.parameters | {"seed": seed}).with_directions(
        table, ENCODER
    )
    ahead = score_ahead(table, edges, partial(fit_booster, recipe=seeded, encoder=ENCODER), ENCODER)
    reference = table[parts.out_of_fold].reset_index(drop=True).join(ahead)
    return read_cuts(reference, first, measure_payments_per_day(table))


def _describe_rule(name: str, policy: Policy, cuts: Sequence[Cut]) -> str:
    return _describe_cuts(name, [cut.try_policy(policy) for cut in cuts])


def _describe_cuts(name: str, judged: Sequence[ForwardCut]) -> str:
    ranges = CutRanges.of(judged)
    cells = [
        "-" if found is None else format_range(found, digits)
        for found, digits in (
            (ranges.recall, 2),
            (ranges.precision, 2),
            (ranges.alerts_per_day, 0),
        )
    ]
    return f"| {name} | {' | '.join(cells)} |"


def _fill_budget(cuts: Sequence[Cut]) -> tuple[float, float]:
    """Return the mean recall of the score, and of its highest LARGER alerts a day alone."""
    whole = []
    within = []
    for cut in cuts:
        scored = cut.after
        flagged = scored.probabilities >= SCORE
        room = round(LARGER * scored.days)
        lowest = -np.sort(-scored.probabilities)[room - 1]
        kept = flagged & (scored.probabilities >= lowest)
        whole.append((flagged & scored.is_fraud).sum() / scored.is_fraud.sum())
        within.append((kept & scored.is_fraud).sum() / scored.is_fraud.sum())
    return float(np.mean(whole)), float(np.mean(within))


def _best_f1(scored: LabelledScores) -> tuple[float, float]:
    """Return the probability with the highest F1, and that F1."""
    order = np.argsort(-scored.probabilities, kind="stable")
    caught = np.cumsum(scored.is_fraud[order])
    f1: Floats = 2 * caught / (np.arange(1, len(order) + 1) + scored.is_fraud.sum())
    best = int(np.argmax(f1))
    return float(scored.probabilities[order[best]]), float(f1[best])


def _describe_hours(alert: Flags, seconds: Floats) -> str:
    """Return how the alerts of whole hours vary."""
    hours = ((seconds - seconds[0]) // 3600).astype(int)
    counts = np.bincount(hours, alert)[:-1]
    return (
        f"Alerts in an hour: {counts.min():.0f} to {counts.max():.0f}, mean {counts.mean():.1f}; "
        f"their variance is {counts.var(ddof=1) / counts.mean():.0f} times the mean, so they are "
        "no independent events."
    )


def main() -> None:
    """Print a table of the rules, and the other reasons for the score."""
    settings = Settings.from_environment()
    table = dataset.read(fetch(settings.cache, settings.data, lambda *_: None), ENCODER)
    seeds = [_read_cuts(table, seed) for seed in SEEDS]
    cuts = [cut for each in seeds for cut in each]
    print(
        f"{len(seeds[0])} prefixes x {len(SEEDS)} seeds, each judged on "
        f"{min(cut.after.days for cut in cuts):.2f} to {max(cut.after.days for cut in cuts):.2f} "
        "days of the rows that follow; mean, lowest and highest\n"
    )
    print("| `review` by | recall | precision | alerts a day |")
    print("|---|---|---|---|")
    for name, policy in RULES.items():
        print(_describe_rule(name, policy, cuts))
    print("\nWith one seed, by prefix:\n")
    for cut in seeds[0]:
        old, new = (
            cut.try_policy(RULES[name])
            for name in (f"budget of {ASKED:g} a day", f"score of {SCORE:g}")
        )
        print(
            f"  {cut.at:,} rows: budget from {old.review:.3f}, {old.alerts_per_day:.0f} a day, "
            f"recall {old.recall or 0:.2f}; score {new.alerts_per_day:.0f} a day, recall "
            f"{new.recall or 0:.2f}"
        )
    whole, within = _fill_budget(cuts)
    print(
        f"\nOf the alerts from {SCORE:g}, the highest {LARGER:g} a day alone have a recall of "
        f"{within:.2f} instead of {whole:.2f}."
    )
    model = Model.load(settings.model, settings.schema)
    scored = LabelledScores.from_reference(
        pd.read_parquet(model.reference), model.manifest.payments_per_day
    )
    probability, f1 = _best_f1(scored)
    mean = scored.amounts[scored.is_fraud].mean()
    print(
        f"On the out-of-fold rows of model {model.version}, F1 is highest from {probability:.3f} "
        f"({f1:.3f}). A fraud has a mean Amount of {mean:.0f}, so a review that costs "
        f"{COST_OF_A_REVIEW:g} pays from {COST_OF_A_REVIEW / mean:.2f}."
    )
    rows = slice(model.manifest.out_of_fold.first, model.manifest.out_of_fold.last + 1)
    print(_describe_hours(scored.probabilities >= SCORE, table["Time"].to_numpy()[rows]))


if __name__ == "__main__":
    typer.run(main)
