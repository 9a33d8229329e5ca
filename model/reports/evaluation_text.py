"""A judgement in words and rows of text, for the terminal, the page and the model's card."""

from model.evaluation.assessment import Assessment, BaselineResult
from model.evaluation.evaluate import Alerts, Evaluation
from model.intervals import Interval

METRIC_NAMES = {
    "auprc": "average precision",
    "roc_auc": "ROC AUC",
    "recall_at_fpr_1pct": "recall at 1 % false positives",
    "recall_at_precision_90": "recall at precision 0.9",
    "brier": "Brier score",
}
BASELINE_HEAD = (
    "",
    "folds: average precision",
    "average precision",
    "this model's lead",
    "ROC AUC",
    "recall at 1 % false positives",
)
METRIC_HEAD = ("", "all rows", "rows without a twin among the fitted")
CAPACITY_HEAD = (
    "alerts a day",
    "rows",
    "frauds caught",
    "recall",
    "ceiling",
    "share of the ceiling",
)
_FINE = ("brier",)  # so small that four digits say nothing


def format_number(value: float | None, name: str = "") -> str:
    """A metric's value, or a dash where it does not exist."""
    return "-" if value is None else f"{value:.6f}" if name in _FINE else f"{value:.4f}"


def format_interval(found: Interval, name: str = "") -> str:
    """`0.8012 (0.7401 to 0.8603)`."""
    bounds = (
        ""
        if found.low is None
        else f" ({format_number(found.low, name)} to {format_number(found.high, name)})"
    )
    return format_number(found.value, name) + bounds


def headline(judged: Assessment) -> list[str]:
    """Precision and recall at the chosen capacity with their counts, and what bounds them: three sentences."""
    found, room = judged.evaluation, judged.evaluation.room
    review = found.review
    chosen = (
        "the review threshold"
        if judged.alerts_a_day is None
        else f"{judged.alerts_a_day:g} alerts a day"
    )
    ceiling = (
        f"there is no fraud among the {found.rows:,} rows, and so no recall"
        if room.ceiling is None
        else f"the {room.rows:,} highest scores catch {room.caught:,}; at most {room.ceiling:.4f} of the frauds fit, and recall there is "
        f"{format_number(room.of_ceiling)} of that"
    )
    return [
        f"At {chosen}: precision {format_interval(review.precision)}, {review.caught:,} frauds among {review.flagged:,} alerts; "
        f"recall {format_interval(review.recall)}, {review.caught:,} of {review.frauds:,} frauds.",
        f"Really raised: {review.alerts_a_day:.0f} alerts a day ({review.flagged:,} in {found.rows:,} rows, {found.days:.2f} days).",
        f"Room for {room.alerts_a_day:.0f} a day: {ceiling}.",
    ]


def describe_blocked(found: Alerts) -> str:
    """What `block` stops."""
    return (
        f"Blocked unseen: {found.flagged:,}, {found.caught:,} of them fraud, precision {format_interval(found.precision)}, "
        f"recall {format_interval(found.recall)}."
    )


def describe_money(found: Evaluation) -> str:
    """The frauds' money, how much of it was caught, and on how few frauds that rests."""
    if not found.money.frauds:
        return "No money was in frauds."
    of = found.money
    return (
        f"Money: {of.caught:,.2f} of {of.frauds:,.2f} in frauds is in alerts, a share of {format_interval(found.review.money)}; "
        f"the {of.largest} largest frauds hold {format_number(of.largest_share)} of it, and {of.largest_caught} of them are in alerts."
    )


def metric_rows(judged: Assessment) -> list[list[str]]:
    """A row for each number: its name, all rows, the rows without a twin among the fitted ones."""
    every, rest = (
        _numbers(judged.evaluation),
        judged.without_duplicates and _numbers(judged.without_duplicates),
    )
    return [[title, text, rest[title] if rest else "-"] for title, text in every.items()]


def _numbers(found: Evaluation) -> dict[str, str]:
    review, block = found.review, found.block
    return {
        "precision at review": _share(review.precision, review.caught, review.flagged),
        "recall at review": _share(review.recall, review.caught, review.frauds),
        "share of the frauds' money at review": format_interval(review.money),
        "alerts a day really raised": f"{review.alerts_a_day:.0f}",
        "precision at block": _share(block.precision, block.caught, block.flagged),
        "recall at block": _share(block.recall, block.caught, block.frauds),
        **{
            title: format_interval(getattr(found.metrics, name), name)
            for name, title in METRIC_NAMES.items()
        },
    }


def _share(found: Interval, part: int, whole: int) -> str:
    """`0.9444 (0.7424 to 0.9901), 17 of 18`."""
    return f"{format_interval(found)}, {part:,} of {whole:,}"


def capacity_rows(found: Evaluation) -> list[list[str]]:
    """A row for each capacity: alerts a day, rows, frauds caught, recall, what recall could at most be, the share of that."""
    return [
        [
            f"{one.alerts_a_day:g}",
            f"{one.rows:,}",
            f"{one.caught:,}",
            format_number(one.recall),
            format_number(one.ceiling),
            format_number(one.of_ceiling),
        ]
        for one in found.rooms
    ]


def describe_rows(judged: Assessment) -> str:
    """Which rows, and what the model knew of them."""
    found = judged.evaluation
    text = f"{judged.sample.name}: {found.rows:,} rows, {found.frauds:,} frauds."
    if judged.sample.seen is None or judged.duplicates is None:
        return f"{text} The rows that the model was fitted on are not at hand: how many of these it has seen is not known."
    seen = (
        f" THE MODEL WAS FITTED ON {judged.sample.seen:,} OF THEM: this is no test."
        if judged.sample.seen
        else ""
    )
    return f"{text}{seen} {judged.duplicates:,} repeat V1..V28 and Amount of a fitted row."


def baseline_rows(judged: Assessment, baselines: dict[str, BaselineResult]) -> list[list[str]]:
    """The model and each baseline, in the columns of BASELINE_HEAD. The lead is the paired difference in average precision."""
    own = {name: getattr(judged.evaluation.metrics, name) for name in METRIC_NAMES}
    return [
        _baseline("this model", list(judged.folds), own, ""),
        *(
            _baseline(
                name,
                one.folds,
                one.compared.metrics,
                format_interval(one.compared.difference["auprc"]),
            )
            for name, one in baselines.items()
        ),
    ]


def _baseline(
    name: str, folds: list[float | None], metrics: dict[str, Interval], lead: str
) -> list[str]:
    precisions = ", ".join("-" if value is None else f"{value:.3f}" for value in folds)
    return [
        name,
        precisions,
        format_interval(metrics["auprc"]),
        lead,
        format_interval(metrics["roc_auc"]),
        format_interval(metrics["recall_at_fpr_1pct"]),
    ]
