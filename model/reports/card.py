"""MODEL_CARD.md: what a model was made of, what it did on rows that it was not fitted on, and what it is not for.

Headings after Mitchell et al., Model Cards for Model Reporting, FAT* 2019. The test part comes last (`model.reports.card_test_part`):
training leaves it unopened.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import log_loss

from model.artefact import probabilities
from model.evaluation.ranking import FALSE_POSITIVE_RATE, PRECISION, Ranking
from model.intervals import Interval, bootstrap, percentile_interval, wilson_interval
from model.manifest import Costs, Manifest, Policy, Rows
from model.reports import card_test_part
from model.training import calibration
from model.training.thresholds import (
    TRANSACTIONS_A_DAY,
    UNREACHABLE,
    LabelledScores,
    Outcome,
    apply_thresholds,
)

_METRICS = (
    "Average precision",
    "ROC AUC",
    f"Recall at {FALSE_POSITIVE_RATE:.0%} false positives",
    f"Recall at precision {PRECISION}",
)
_TEMPLATE = """# Model {version}

XGBoost, {trees} trees of depth {depth}; its inputs are V1..V28 and Amount as they are sent. The margin is an affine map of the
booster's raw output (log odds), the probability the logistic function of the margin.

## Intended use

Ranking card payments for review by people, and stopping those about which rows that it had not seen leave little doubt. It is made for
transactions prepared exactly as those of the file below; of any other source it knows nothing.

## Data

Two days of card payments in September 2013 with 492 frauds among 284,807, if the file is creditcard.csv: A. Dal Pozzolo, O. Caelen,
R. A. Johnson and G. Bontempi, Calibrating Probability with Undersampling for Unbalanced Classification, CIDM 2015.
Licence as third parties report it: DbCL 1.0 / ODbL (a copy at Zenodo, DOI 10.5281/zenodo.7395559, is under CC BY 4.0).

SHA-256 of the CSV: `{dataset}`

## Split, by time

| part | rows | what for |
|---|---|---|
| training | {fitted} | the booster; SHA-256 of the rows `{rows}` |
| of these, out of fold | {out_of_fold} | calibration, thresholds, reference scores, the numbers below |
| test | {test} | see the last section |

Each out-of-fold row is scored by a booster of the same parameters, fitted only on the rows before its fold:

| fold | fitted on rows | judged on rows | average precision |
|---|---|---|---|
{folds}
| mean | | | {mean:.3f} |

## On the out-of-fold rows: {frauds} frauds among {n:,}

| metric | value | 95 % interval |
|---|---|---|
{metrics}

Intervals: {resamples:,} bootstrap samples of the rows. The parameters of the trees were chosen on these folds: expect less on new rows.

## Calibration

margin = {scale:.4f} x raw output {offset:+.4f}, fitted on the out-of-fold rows (Platt scaling).

{calibration}## Thresholds

{policy}

| threshold | probability from | rows flagged | of them fraud | precision | 95 % interval | recall | legitimate flagged | their money |
|---|---|---|---|---|---|---|---|---|
{thresholds}

`review` counts all alerts, stopped payments included. Both were chosen on these very rows: expect less on new ones.

## Limits

- V1..V28 are anonymous principal components: a reason names which of them moved the score, not what it means.
- Two days, one season, one unnamed group of European card holders, 2013. Nothing is known of fairness between groups of people:
  no field says who pays.
- No card or merchant identity: it sees each payment alone, without history.
- Frauds that nobody noticed count as legitimate.
- The booster has seen more rows than those of the folds, by which it is calibrated: on that its probabilities rest.

{test_part}"""


def render_card(
    version: str, manifest: Manifest, reference: pd.DataFrame, opened: Sequence[str] = ()
) -> str:
    """The card of an artefact, from its manifest and its out-of-fold rows (with Class, Amount, margin and probability).

    `opened`: for which models of these trees the test part was opened already, as `model.reports.card_test_part.parse_openings` gives it.
    """
    scored = LabelledScores.from_reference(reference)
    raw = (
        reference["margin"].to_numpy() - manifest.calibration.offset
    ) / manifest.calibration.scale
    intervals, resamples = _metrics(scored)
    return _TEMPLATE.format(
        version=version,
        trees=manifest.trees,
        depth=manifest.parameters["max_depth"],
        dataset=manifest.fitted_on.dataset_sha256,
        rows=manifest.fitted_on.rows_sha256,
        fitted=_span(manifest.fitted_on),
        out_of_fold=_span(manifest.out_of_fold),
        test=_span(manifest.test),
        folds="\n".join(
            f"| {number} | {_span(fold.fitted)} | {_span(fold.judged)} | {fold.average_precision:.3f} |"
            for number, fold in enumerate(manifest.folds, 1)
        ),
        mean=np.mean([fold.average_precision for fold in manifest.folds]),
        frauds=int(scored.is_fraud.sum()),
        n=len(reference),
        metrics="\n".join(
            f"| {name} | {format_share(found.value)} | {_range(found)} |"
            for name, found in zip(_METRICS, intervals, strict=True)
        ),
        resamples=resamples,
        scale=manifest.calibration.scale,
        offset=manifest.calibration.offset,
        calibration=_reliability("Before", probabilities(raw), scored)
        + _reliability("After", scored.probabilities, scored),
        policy=describe_policy(manifest.policy),
        thresholds="\n".join(
            _threshold(name, getattr(manifest.thresholds, name), found)
            for name, found in apply_thresholds(manifest.thresholds, scored).items()
        ),
        test_part=card_test_part.render_section(opened),
    )


def describe_policy(policy: Policy) -> str:
    """How thresholds were chosen, in a sentence or two."""
    if isinstance(policy, Costs):
        return (
            f"The pair of least cost on the out-of-fold rows, where a review costs {policy.cost_review:g}, "
            f"a blocked legitimate payment {policy.cost_block:g}, and a missed fraud its Amount."
        )
    return (
        f"`review` is the lowest score with room for {policy.review.alerts_per_day:g} alerts a day "
        f"at {TRANSACTIONS_A_DAY:,} transactions a day: the median over the folds.\n"
        f"`block` is the lowest score from which on at least {policy.block.precision:.0%} of the payments are frauds, by the exact\n"
        f"one-sided {policy.block.confidence:.0%} lower bound (Clopper-Pearson); where no score reaches it, nothing is blocked."
    )


def format_share(value: float | None) -> str:
    """A share as people read it; a dash where there is none."""
    return "-" if value is None else f"{value:.3f}"


def _metrics(scored: LabelledScores) -> tuple[list[Interval], int]:
    ranking = Ranking(scored.probabilities, scored.is_fraud)
    samples = bootstrap(len(scored.probabilities), ranking.metrics)
    values = ranking.metrics(np.ones(len(scored.probabilities)))
    return [
        percentile_interval(float(value), samples[:, k]) for k, value in enumerate(values)
    ], len(samples)


def _reliability(name: str, scores: NDArray[np.float64], scored: LabelledScores) -> str:
    lines = [
        f"{name}: Brier score {calibration.brier_score(scores, scored.is_fraud):.6f}, log loss {log_loss(scored.is_fraud, scores):.6f}",
        "",
        "| probability | rows | mean probability | share of fraud | 95 % interval |",
        "|---|---|---|---|---|",
    ]
    for group in calibration.reliability_bins(scores, scored.is_fraud):
        found = wilson_interval(group.frauds, group.rows)
        bracket = "]" if group.high == 1.0 else ")"
        shares = (
            f"{group.mean_probability:.5f} | {group.frauds / group.rows:.5f} | {_range(found, 5)}"
        )
        lines.append(f"| [{group.low:g}, {group.high:g}{bracket} | {group.rows:,} | {shares} |")
    return "\n".join(lines) + "\n\n"


def _threshold(name: str, threshold: float, found: Outcome) -> str:
    starts = "nothing reaches it" if threshold == UNREACHABLE else f"{threshold:.6g}"
    stopped = "-" if found.stopped_share is None else f"{found.stopped} ({found.stopped_share:.4%})"
    precision = (
        f"{format_share(found.precision)} | {_range(wilson_interval(found.caught, found.flagged))}"
    )
    counts = f"{starts} | {found.flagged} | {found.caught}"
    return f"| {name} | {counts} | {precision} | {format_share(found.recall)} | {stopped} | {found.stopped_amount:,.2f} |"


def _range(interval: Interval, digits: int = 3) -> str:
    return (
        "-"
        if interval.low is None or interval.high is None
        else f"{interval.low:.{digits}f} to {interval.high:.{digits}f}"
    )


def _span(part: Rows) -> str:
    return f"{part.first}..{part.last} ({part.rows:,})"
