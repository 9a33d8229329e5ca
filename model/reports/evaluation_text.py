"""An assessment in sentences and table rows, for the terminal, the page and the model's card."""

from collections.abc import Sequence

from model.evaluation.assessment import Assessment
from model.evaluation.comparison import BaselineResult
from model.evaluation.evaluate import CapacityPoint, Evaluation, ThresholdMetrics
from model.intervals import Interval
from model.reports.rendering import format_decimals
from model.training.forward_cuts import Range
from payments.numbered_names import list_in_words

METRIC_NAMES = {
    "auprc": "average precision",
    "roc_auc": "ROC AUC",
    "recall_at_fpr_1pct": "recall at 1% false positives",
    "recall_at_precision_90": "recall at precision 0.9",
    "brier": "Brier score",
}
BASELINE_HEAD = (
    "",
    "folds: average precision",
    "average precision",
    "this model's lead",
    "ROC AUC",
    "recall at 1% false positives",
)
METRIC_HEAD = ("", "all rows", "without repeats of fitted rows")
CAPACITY_HEAD = (
    "alerts a day",
    "rows",
    "frauds caught",
    "recall",
    "ceiling",
    "share of the ceiling",
)
_DIGITS = {"brier": 6}  # so small that four digits would say nothing
_MOST_LISTED = 100  # characters


def format_interval(interval: Interval, name: str = "") -> str:
    """Return `0.8012 (0.7401 to 0.8603)`, with the digits of the metric `name`."""
    digits = _DIGITS.get(name, 4)
    value = format_decimals(interval.value, digits)
    if interval.low is None:
        return value
    low = format_decimals(interval.low, digits)
    high = format_decimals(interval.high, digits)
    return f"{value} ({low} to {high})"


def summarize(assessment: Assessment) -> list[str]:
    """Return the results at `review`, the alerts raised, the possible recall and the trade-off."""
    evaluation = assessment.evaluation
    review = evaluation.review
    lines = [
        f"At p >= {review.threshold:.6g}: precision {format_interval(review.precision)}, "
        f"{review.caught:,} frauds among {review.flagged:,} alerts; recall "
        f"{format_interval(review.recall)}, {review.caught:,} of {review.frauds:,} frauds.",
        _describe_alerts(assessment),
        _describe_ceiling(evaluation),
    ]
    if evaluation.trade_off and evaluation.frauds:
        lines.append(describe_trade_off(evaluation.trade_off, evaluation.frauds))
    return lines


def _describe_alerts(assessment: Assessment) -> str:
    """Return how many alerts were raised, how many were asked for, and how many were expected."""
    evaluation = assessment.evaluation
    raised = evaluation.review.alerts_a_day
    asked = assessment.alerts_a_day
    if asked is None:
        text = (
            f"Alerts: {raised:.0f} a day ({evaluation.review.flagged:,} in {evaluation.rows:,} "
            f"rows, {evaluation.days:.2f} days)"
        )
    else:
        text = (
            f"Budget: asked {asked:g} alerts a day, raised {raised:.0f} "
            f"({evaluation.review.flagged:,} of {evaluation.at_capacity.rows:,} in "
            f"{evaluation.rows:,} rows, {evaluation.days:.2f} days), used {raised / asked:.0%}"
        )
    expected = assessment.expected.alerts_per_day
    if expected is not None:
        text += f"; expected {format_range(expected, 0)}"
    return f"{text}."


def format_range(values: Range, digits: int) -> str:
    """Return `183 (115 to 330)`, the mean and the lowest and highest."""
    return f"{values.mean:.{digits}f} ({values.low:.{digits}f} to {values.high:.{digits}f})"


def describe_trade_off(points: Sequence[CapacityPoint], frauds: int) -> str:
    """Return what half and twice the alerts would have caught, of the `frauds`."""
    half, once, twice = points
    return (
        f"Of {frauds:,} frauds, the {once.rows:,} highest scores hold {once.caught:,}; half as "
        f"many ({half.rows:,}) {half.caught:,}, twice as many ({twice.rows:,}) {twice.caught:,}."
    )


def _describe_ceiling(evaluation: Evaluation) -> str:
    point = evaluation.at_capacity
    if point.ceiling is None:
        return f"There is no fraud among the {evaluation.rows:,} rows, so recall is undefined."
    return (
        f"A capacity of {point.alerts_a_day:.0f} alerts a day holds the {point.rows:,} highest "
        f"scores, with {point.caught:,} frauds; that is {format_decimals(point.of_ceiling, 4)} of "
        f"the highest recall possible there, {point.ceiling:.4f}."
    )


def describe_blocked(block: ThresholdMetrics) -> str:
    """Return what `block` stops."""
    return (
        f"Blocked without review: {block.flagged:,} payments, {block.caught:,} of them frauds; "
        f"precision {format_interval(block.precision)}, recall {format_interval(block.recall)}."
    )


def describe_money(evaluation: Evaluation) -> str:
    """Return the frauds' Amount, the share in alerts, and the share of the few largest frauds."""
    money = evaluation.money
    if not money.frauds:
        return "The frauds' Amount is 0."
    return (
        f"Money: {money.caught:,.2f} of {money.frauds:,.2f} in frauds is in alerts, a share of "
        f"{format_interval(evaluation.review.money)}. The {money.largest} largest frauds hold "
        f"{format_decimals(money.largest_share, 4)} of the total, and {money.largest_caught} of "
        "them are in alerts."
    )


def format_metrics(assessment: Assessment) -> list[list[str]]:
    """Return a row for each number, in the columns of METRIC_HEAD."""
    every = _format_numbers(assessment.evaluation)
    without = assessment.without_duplicates
    rest = _format_numbers(without) if without else dict.fromkeys(every, "-")
    return [[name, value, rest[name]] for name, value in every.items()]


def _format_numbers(evaluation: Evaluation) -> dict[str, str]:
    review = evaluation.review
    block = evaluation.block
    return {
        "precision at review": _format_share(review.precision, review.caught, review.flagged),
        "recall at review": _format_share(review.recall, review.caught, review.frauds),
        "share of the frauds' money at review": format_interval(review.money),
        "alerts raised a day": f"{review.alerts_a_day:.0f}",
        "precision at block": _format_share(block.precision, block.caught, block.flagged),
        "recall at block": _format_share(block.recall, block.caught, block.frauds),
        **{
            title: format_interval(getattr(evaluation.metrics, name), name)
            for name, title in METRIC_NAMES.items()
        },
    }


def _format_share(interval: Interval, part: int, whole: int) -> str:
    """Return `0.9444 (0.7424 to 0.9901), 17 of 18`."""
    return f"{format_interval(interval)}, {part:,} of {whole:,}"


def format_capacities(evaluation: Evaluation) -> list[list[str]]:
    """Return a row for each capacity, in the columns of CAPACITY_HEAD."""
    return [
        [
            f"{point.alerts_a_day:g}",
            f"{point.rows:,}",
            f"{point.caught:,}",
            format_decimals(point.recall, 4),
            format_decimals(point.ceiling, 4),
            format_decimals(point.of_ceiling, 4),
        ]
        for point in evaluation.capacities
    ]


def describe_rows(assessment: Assessment) -> str:
    """Return which rows were evaluated, and how many of them the model had seen."""
    evaluation = assessment.evaluation
    sample = assessment.sample
    rows = f"{sample.name}: {evaluation.rows:,} rows, {evaluation.frauds:,} frauds."
    if sample.seen is None or assessment.duplicates is None:
        return (
            f"{rows} The rows that the model was fitted on are not available, so how many of "
            "these it has seen is unknown."
        )
    seen = ""
    if sample.seen:
        seen = f" THE MODEL WAS FITTED ON {sample.seen:,} OF THEM, so this is not a test."
    names = list_in_words(assessment.features)
    if len(names) > _MOST_LISTED:
        names = f"all {len(assessment.features)} features"
    return f"{rows}{seen} {assessment.duplicates:,} repeat {names} of a fitted row."


def format_baselines(
    assessment: Assessment, baselines: dict[str, BaselineResult]
) -> list[list[str]]:
    """Return a row for the model and for each baseline, in the columns of BASELINE_HEAD.

    The lead is the paired difference in average precision.
    """
    own = {name: getattr(assessment.evaluation.metrics, name) for name in METRIC_NAMES}
    return [
        _format_baseline("this model", list(assessment.folds), own, ""),
        *(
            _format_baseline(
                name,
                baseline.folds,
                baseline.compared.metrics,
                format_interval(baseline.compared.difference["auprc"]),
            )
            for name, baseline in baselines.items()
        ),
    ]


def _format_baseline(
    name: str, folds: list[float | None], metrics: dict[str, Interval], lead: str
) -> list[str]:
    return [
        name,
        ", ".join(format_decimals(value, 3) for value in folds),
        format_interval(metrics["auprc"]),
        lead,
        format_interval(metrics["roc_auc"]),
        format_interval(metrics["recall_at_fpr_1pct"]),
    ]
