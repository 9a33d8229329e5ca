"""MODEL_CARD.md: what a model is made of, how it does on rows it was not fitted on, and its limits.

Headings follow Mitchell et al., Model Cards for Model Reporting, FAT* 2019. The test part comes
last (`model.reports.card_test_part`), because training leaves it unopened.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from model.evaluation.comparison import measure_ranking
from model.evaluation.evaluate import measure_trade_off
from model.evaluation.ranking import FALSE_POSITIVE_RATE, PRECISION
from model.intervals import RESAMPLES, estimate_share
from model.manifest import Costs, Manifest, Policy, Score
from model.reports import card_test_part
from model.reports.evaluation_text import format_range
from model.reports.rendering import render
from model.training.calibration import CalibrationQuality, measure_calibration
from model.training.forward_cuts import Cut, CutRanges, read_cuts
from model.training.thresholds import (
    UNREACHABLE,
    LabelledScores,
    Outcome,
    apply_thresholds,
)
from payments.display import Display
from payments.numbered_names import list_in_words
from payments.schema.reading import DEFAULT, Schema

_METRICS = {
    "auprc": "Average precision",
    "roc_auc": "ROC AUC",
    "recall_at_fpr_1pct": f"Recall at {FALSE_POSITIVE_RATE:.0%} false positives",
    "recall_at_precision_90": f"Recall at precision {PRECISION}",
}


def render_card(
    version: str,
    manifest: Manifest,
    reference: pd.DataFrame,
    schema: Schema,
    opened: Sequence[str] = (),
) -> str:
    """Return the card of an artefact for payments of `schema`.

    `reference` holds the out-of-fold rows with Class, Amount, margin and probability. `opened`
    tells for which models of these trees the test part was opened, as
    `model.reports.card_test_part.parse_openings` returns it.
    """
    rate = manifest.payments_per_day
    scored = LabelledScores.from_reference(reference, rate)
    outcomes = apply_thresholds(manifest.thresholds, scored)
    cuts = read_cuts(reference, manifest.out_of_fold.first, rate)
    metrics = measure_ranking(scored.probabilities, scored.is_fraud)
    return render(
        "card.md.j2",
        version=version,
        manifest=manifest,
        schema=manifest.schema_reference,
        is_creditcard=_is_of_creditcard(manifest),
        inputs=list_in_words(manifest.features),
        described=_describe_features(manifest, schema),
        has_history=bool(schema.history_fields),
        mean_precision=np.mean([fold.average_precision for fold in manifest.folds]),
        scored=scored,
        metrics={title: metrics[name] for name, title in _METRICS.items()},
        resamples=RESAMPLES,
        calibrations=_measure_calibrations(cuts),
        policy=describe_policy(manifest.policy),
        thresholds=_make_threshold_rows(manifest, outcomes),
        trade_off=measure_trade_off(scored, outcomes["review"].alerts_a_day),
        ranges=CutRanges.of(manifest.cuts),
        format_range=format_range,
        test_part=card_test_part.render_section(opened),
    )


def _describe_features(manifest: Manifest, schema: Schema) -> list[tuple[str, str, str]]:
    """Return each feature's name, what it is in words, and its typical range."""
    display = Display(schema)
    described = []
    for feature in schema.features:
        usual = manifest.usual[feature.name]
        if isinstance(usual, dict):
            shown = f"{len(usual) - 1} values"
        else:
            shown = display.format_usual(feature.name, usual)
        described.append((feature.name, feature.label, shown))
    return described


def _is_of_creditcard(manifest: Manifest) -> bool:
    reference = manifest.schema_reference
    return reference is None or reference.startswith(f"{DEFAULT}@")


def describe_policy(policy: Policy) -> str:
    """Return how thresholds are chosen, in a sentence or two."""
    if isinstance(policy, Costs):
        return (
            "The pair with the lowest cost on the out-of-fold rows, if "
            f"a review costs {policy.cost_review:,.12g}, blocking a legitimate payment "
            f"{policy.cost_block:,.12g}, and a missed fraud its Amount."
        )
    if isinstance(policy.review, Score):
        review = f"`review` is the score {policy.review.probability:g}, whatever the data."
    else:
        review = (
            "`review` is the lowest score that raises at most "
            f"{policy.review.alerts_per_day:g} alerts a day: the median over the folds."
        )
    return (
        f"{review}\n"
        f"`block` is the lowest score at or above which at least {policy.block.precision:.0%} of "
        f"the payments are frauds, by the exact one-sided {policy.block.confidence:.0%} "
        "lower bound (Clopper-Pearson).\n"
        "Scores are tested from the highest down until one fails (a fixed sequence), so that the "
        "confidence holds for all tests together.\nIf the first one fails, nothing is blocked."
    )


def _measure_calibrations(cuts: Sequence[Cut]) -> dict[str, CalibrationQuality]:
    """Measure probabilities before and after calibration on the rows up to the next cut."""
    if not cuts:
        return {}
    fraud = np.concatenate([cut.following.is_fraud for cut in cuts])
    after = np.concatenate([cut.following.probabilities for cut in cuts])
    before = np.concatenate([cut.uncalibrated for cut in cuts])
    return {
        "Before": measure_calibration(before, fraud),
        "After": measure_calibration(after, fraud),
    }


def _make_threshold_rows(
    manifest: Manifest, outcomes: dict[str, Outcome]
) -> list[tuple[object, ...]]:
    """Return a name, lowest probability, outcome and precision for each threshold."""
    rows: list[tuple[object, ...]] = []
    for name, outcome in outcomes.items():
        threshold = getattr(manifest.thresholds, name)
        start = "never reached" if threshold == UNREACHABLE else f"{threshold:.6g}"
        rows.append((name, start, outcome, estimate_share(outcome.caught, outcome.flagged)))
    return rows
