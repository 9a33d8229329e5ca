"""An exploration in sentences and table rows, for the terminal and the page."""

from model.evaluation.exploration import Exploration, FeatureSummary
from model.reports.rendering import format_decimals
from payments.display import Display, abbreviate_names
from payments.schema.reading import DEFAULT, read_schema

FEATURE_HEAD = ("", "mean", "sd", "min", "1%", "median", "99%", "max", "outliers", "KS", "PSI")
_MOST_DRIFTED = 3
_DISPLAY = Display(read_schema(DEFAULT))  # its Time and Amount are columns of every table


def summarize(name: str, exploration: Exploration) -> list[str]:
    """Return the summary of a file, in sentences."""
    hours = exploration.span_s / 3600
    return [
        f"{name}: {exploration.rows:,} rows over {hours:.1f} hours.",
        *_describe_flaws(exploration),
        _describe_frauds(exploration),
        _describe_duplicates(exploration),
        _describe_drift(exploration),
    ]


def _describe_flaws(exploration: Exploration) -> list[str]:
    """Return what training and evaluation would refuse."""
    sentences = []
    columns = []
    for column in exploration.unusable:
        counts = ((column.missing, "missing"), (column.invalid, "invalid"))
        flaws = [f"{count:,} {flaw}" for count, flaw in counts if count]
        if flaws:
            columns.append(f"{column.name} ({', '.join(flaws)})")
    if columns:
        sentences.append(f"Values that training refuses, left out below: {', '.join(columns)}.")
    if exploration.out_of_order:
        sentences.append(
            f"Rows after one with a later Time: {exploration.out_of_order:,}; sorted by Time below."
        )
    return sentences


def _describe_frauds(exploration: Exploration) -> str:
    share = exploration.fraud_share
    if share is None:
        return (
            f"No row has a Class, so frauds are unknown; Amount sums to {exploration.amount:,.2f}."
        )
    return (
        f"{exploration.frauds:,} frauds, {share.value:.4%} of the rows (95% interval "
        f"{share.low:.4%} to {share.high:.4%}), with {exploration.fraud_amount:,.2f} of the "
        f"{exploration.amount:,.2f} in Amount."
    )


def _describe_duplicates(exploration: Exploration) -> str:
    frauds = exploration.duplicate_frauds
    names = abbreviate_names([feature.name for feature in exploration.features])
    return (
        f"{exploration.duplicates:,} rows repeat {names} of an earlier row, "
        f"{exploration.duplicates_at_the_same_time:,} of them at the same Time"
        + ("." if frauds is None else f"; {frauds:,} of them are frauds.")
    )


def _describe_drift(exploration: Exploration) -> str:
    compared = [feature for feature in exploration.features if feature.psi is not None]
    compared.sort(key=lambda feature: -(feature.psi or 0.0))
    days = f"{exploration.compared[0].upper()}{exploration.compared[1:]}"
    drifts = [f"{one.name} PSI {one.psi:.3f}, KS {one.ks:.3f}" for one in compared[:_MOST_DRIFTED]]
    return f"{days}: {'; '.join(drifts) or 'too few rows'}."


def format_features(exploration: Exploration) -> list[list[str]]:
    """Return a row for each column of the file, in the columns of FEATURE_HEAD."""
    return [_format_feature(feature) for feature in exploration.features]


def _format_feature(feature: FeatureSummary) -> list[str]:
    values = (
        feature.mean,
        feature.deviation,
        feature.minimum,
        feature.p1,
        feature.median,
        feature.p99,
        feature.maximum,
    )
    return [
        feature.name,
        *("-" if value is None else _DISPLAY.format_value(feature.name, value) for value in values),
        f"{feature.outliers:,}",
        format_decimals(feature.ks, 3),
        format_decimals(feature.psi, 3),
    ]
