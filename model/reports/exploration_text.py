"""An exploration in sentences and table rows, for the terminal and the page."""

from collections.abc import Callable

from model.evaluation.exploration import Exploration, FeatureSummary
from model.reports.rendering import format_decimals
from payments.display import Display
from payments.numbered_names import list_in_words
from payments.schema.reading import Schema

FEATURE_HEAD = ("", "mean", "sd", "min", "1%", "median", "99%", "max", "outliers", "KS", "PSI")
_MOST_DRIFTED = 3


def summarize(name: str, exploration: Exploration, schema: Schema) -> list[str]:
    """Return the summary of a file, in sentences."""
    hours = exploration.span_s / 3600
    return [
        f"{name}: {exploration.rows:,} rows over {hours:.1f} hours.",
        *_describe_flaws(exploration, schema),
        _describe_frauds(exploration, schema),
        _describe_duplicates(exploration, schema),
        _describe_drift(exploration),
        *_describe_rest(schema),
    ]


def _describe_flaws(exploration: Exploration, schema: Schema) -> list[str]:
    """Return what training and evaluation would refuse."""
    sentences = []
    columns = []
    optional = {schema.columns[name] for name, field in schema.fields.items() if field.optional}
    for column in exploration.unusable:
        refused = 0 if column.name in optional else column.missing
        counts = ((refused, "missing"), (column.invalid, "invalid"))
        flaws = [f"{count:,} {flaw}" for count, flaw in counts if count]
        if flaws:
            columns.append(f"{column.name} ({', '.join(flaws)})")
    if columns:
        sentences.append(f"Values that training refuses, left out below: {', '.join(columns)}.")
    if exploration.out_of_order:
        sentences.append(
            f"Rows after one with a later {schema.time_column}: {exploration.out_of_order:,}; "
            f"sorted by {schema.time_column} below."
        )
    return sentences


def _describe_frauds(exploration: Exploration, schema: Schema) -> str:
    share = exploration.fraud_share
    amount = schema.roles.amount
    if share is None:
        label = f"No row has a {schema.roles.label}" if schema.roles.label else "There is no label"
        return f"{label}, so frauds are unknown; {amount} sums to {exploration.amount:,.2f}."
    return (
        f"{exploration.frauds:,} frauds, {share.value:.4%} of the rows (95% interval "
        f"{share.low:.4%} to {share.high:.4%}), with {exploration.fraud_amount:,.2f} of the "
        f"{exploration.amount:,.2f} in {amount}."
    )


def _describe_duplicates(exploration: Exploration, schema: Schema) -> str:
    frauds = exploration.duplicate_frauds
    names = list_in_words([feature.name for feature in exploration.features])
    return (
        f"{exploration.duplicates:,} rows repeat {names} of an earlier row, "
        f"{exploration.duplicates_at_the_same_time:,} of them at the same {schema.time_column}"
        + ("." if frauds is None else f"; {frauds:,} of them are frauds.")
    )


def _describe_drift(exploration: Exploration) -> str:
    compared = [feature for feature in exploration.features if feature.psi is not None]
    compared.sort(key=lambda feature: -(feature.psi or 0.0))
    days = f"{exploration.compared[0].upper()}{exploration.compared[1:]}"
    drifts = [f"{one.name} PSI {one.psi:.3f}, KS {one.ks:.3f}" for one in compared[:_MOST_DRIFTED]]
    return f"{days}: {'; '.join(drifts) or 'too few rows'}."


def _describe_rest(schema: Schema) -> list[str]:
    """Return which features of the schema are not in the summary."""
    categories = schema.declaration.features.categories
    return [f"Categories are not summarized: {', '.join(categories)}."] if categories else []


def format_features(exploration: Exploration, schema: Schema) -> list[list[str]]:
    """Return a row for each column of the file, in the columns of FEATURE_HEAD."""
    display = Display(schema)

    def write(name: str, value: float | None) -> str:
        if value is None:
            return "-"
        return display.format_amount(value) if name == schema.roles.amount else f"{value:.4g}"

    return [_format_feature(feature, write) for feature in exploration.features]


def _format_feature(
    feature: FeatureSummary, write: Callable[[str, float | None], str]
) -> list[str]:
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
        *(write(feature.name, value) for value in values),
        f"{feature.outliers:,}",
        format_decimals(feature.ks, 3),
        format_decimals(feature.psi, 3),
    ]
