"""MODEL_CARD.md: what a model is made of, how it does on rows it was not fitted on, and its limits.

Headings follow Mitchell et al., Model Cards for Model Reporting, FAT* 2019. The test part comes
last (`model.reports.card_test_part`), because training leaves it unopened.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from model.artefact import probabilities
from model.evaluation.comparison import measure_ranking
from model.evaluation.ranking import FALSE_POSITIVE_RATE, PRECISION
from model.intervals import RESAMPLES, wilson_interval
from model.manifest import Costs, Manifest, Policy
from model.reports import card_test_part
from model.reports.rendering import render
from model.training.calibration import measure_calibration
from model.training.thresholds import (
    TRANSACTIONS_A_DAY,
    UNREACHABLE,
    LabelledScores,
    apply_thresholds,
)

_METRICS = {
    "auprc": "Average precision",
    "roc_auc": "ROC AUC",
    "recall_at_fpr_1pct": f"Recall at {FALSE_POSITIVE_RATE:.0%} false positives",
    "recall_at_precision_90": f"Recall at precision {PRECISION}",
}


def render_card(
    version: str, manifest: Manifest, reference: pd.DataFrame, opened: Sequence[str] = ()
) -> str:
    """Return the card of an artefact.

    `reference` holds the out-of-fold rows with Class, Amount, margin and probability. `opened`
    tells for which models of these trees the test part was opened, as
    `model.reports.card_test_part.parse_openings` returns it.
    """
    scored = LabelledScores.from_reference(reference)
    calibration = manifest.calibration
    raw = (reference["margin"].to_numpy() - calibration.offset) / calibration.scale
    metrics = measure_ranking(scored.probabilities, scored.is_fraud)
    return render(
        "card.md.j2",
        version=version,
        manifest=manifest,
        mean_precision=np.mean([fold.average_precision for fold in manifest.folds]),
        scored=scored,
        metrics={title: metrics[name] for name, title in _METRICS.items()},
        resamples=RESAMPLES,
        calibrations={
            "Before": measure_calibration(probabilities(raw), scored.is_fraud),
            "After": measure_calibration(scored.probabilities, scored.is_fraud),
        },
        policy=describe_policy(manifest.policy),
        thresholds=_threshold_rows(manifest, scored),
        test_part=card_test_part.render_section(opened),
    )


def describe_policy(policy: Policy) -> str:
    """Return how thresholds are chosen, in a sentence or two."""
    if isinstance(policy, Costs):
        return (
            "The pair with the lowest cost on the out-of-fold rows, if "
            f"a review costs {policy.cost_review:,.12g}, blocking a legitimate payment "
            f"{policy.cost_block:,.12g}, and a missed fraud its Amount."
        )
    return (
        f"`review` is the lowest score that raises at most {policy.review.alerts_per_day:g} alerts "
        f"a day at {TRANSACTIONS_A_DAY:,} transactions a day: the median over the folds.\n"
        f"`block` is the lowest score at or above which at least {policy.block.precision:.0%} of "
        f"the payments are frauds, by the exact one-sided {policy.block.confidence:.0%} "
        "lower bound (Clopper-Pearson). If no score reaches it, nothing is blocked."
    )


def _threshold_rows(manifest: Manifest, scored: LabelledScores) -> list[tuple[object, ...]]:
    """Return a name, lowest probability, outcome and precision for each threshold."""
    rows: list[tuple[object, ...]] = []
    for name, outcome in apply_thresholds(manifest.thresholds, scored).items():
        threshold = getattr(manifest.thresholds, name)
        start = "never reached" if threshold == UNREACHABLE else f"{threshold:.6g}"
        rows.append((name, start, outcome, wilson_interval(outcome.caught, outcome.flagged)))
    return rows
