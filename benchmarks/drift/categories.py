"""Count false alarms and detections on a synthetic stream of a schema with categories.

Run: python -m benchmarks.drift.categories

Takes two minutes. The rows are made with NumPy as the monitor sees them, without a model: the
margin is a function of the payment, plus noise.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.drift.trials import compute_upper_bound
from drift.detect.columns import Columns
from drift.detect.detector import DriftDetector
from drift.detect.rolling_baseline import WINDOWS, RollingBaseline
from payments.arrays import Floats
from payments.features import FeatureEncoder
from payments.schema.reading import parse_schema

_TEXT = """
name = "shop"

[roles]
id = "id"
time = "at"
key = "card"
amount = "amount"

[fields]
id = { type = "id" }
at = { type = "time" }
card = { type = "entity", path = "card.id" }
amount = { type = "amount" }
age = { type = "number", optional = true, name = "days since the account was opened" }
country = { type = "category", values = "learned", name = "country of the merchant" }
channel = { type = "category", values = ["chip", "contactless", "ecom", "atm"], optional = true }

[features]
numbers = ["amount", "age"]
categories = ["country", "channel"]
calendar = ["hour", "weekday", "night"]
"""
SCHEMA = parse_schema(_TEXT, "shop.toml", Path())
COUNTRIES = tuple(f"C{number}" for number in range(40))
CHANNELS = ("chip", "contactless", "ecom", "atm")
CATEGORIES = {"country": COUNTRIES, "channel": CHANNELS}
ENCODER = FeatureEncoder(SCHEMA, CATEGORIES)
COLUMNS = Columns(ENCODER)
AGE, COUNTRY, CHANNEL = (ENCODER.names.index(name) for name in ("age", "country", "channel"))
ROWS_A_DAY = 20_000
REFERENCE_ROWS = 3 * ROWS_A_DAY
_SIZES = {500: 2_000, 1_000: 2_000, 5_000: 200}
_RUNS = 50
_DAY_MS = 86_400_000

Change = Callable[[Floats, np.random.Generator], None]


def make_stream(rows: int, seed: int, first_day: int = 0) -> Floats:
    """Return float64[rows, features and margin].

    Online payments and large amounts are more frequent at night. 8% of the ages and 1% of the
    channels are missing, and 0.2% of the payments are from countries that no model knows.
    """
    random = np.random.default_rng(seed)
    days = first_day + np.arange(rows) / ROWS_A_DAY
    night = 0.5 + 0.5 * np.cos(2 * np.pi * days)
    amount = np.exp(3 + 0.3 * night + random.normal(size=rows))
    age = np.where(random.random(rows) < 0.08, np.nan, random.gamma(2, 200, rows).round())
    weights = 1 / np.arange(1, len(COUNTRIES) + 2) ** 1.5
    weights[-1] = 0.002 * weights.sum()
    country = random.choice(len(weights), rows, p=weights / weights.sum()).astype(np.float64)
    is_online = random.random(rows) < 0.3 + 0.1 * night
    channel = np.where(is_online, 2.0, random.choice([0.0, 1.0, 3.0], rows, p=[0.4, 0.5, 0.1]))
    channel[random.random(rows) < 0.01] = np.nan
    margin = 0.8 * np.log(amount) + is_online + 0.2 * (country > 10) - 7 + random.normal(size=rows)
    values = np.column_stack([amount, age, country, channel, np.zeros((rows, 3))])
    ENCODER.add_calendar(values, (days * _DAY_MS).astype(np.int64))
    return np.column_stack([values, margin])


def make_rows(stream: Floats) -> Floats:
    """Return a stream's rows, float64[n, columns], as windows are compared."""
    return COLUMNS.make_rows(stream[:, :-1], stream[:, -1])


def build_detector() -> DriftDetector:
    """Return a detector with a reference of other rows than the streams'."""
    return DriftDetector(make_rows(make_stream(REFERENCE_ROWS, seed=1)), COLUMNS)


def _make_rows_with_calendar(stream: Floats) -> Floats:
    """Return a stream's rows as they would be compared if the calendar's features were."""
    order = [*range(AGE + 1), *range(CHANNEL + 1, len(ENCODER.names)), COUNTRY, CHANNEL]
    return _WITH_CALENDAR.make_rows(stream[:, order], stream[:, -1])


def _declare_calendar_as_numbers() -> Columns:
    text = _TEXT.replace('calendar = ["hour", "weekday", "night"]', "")
    text = text.replace('"age"]', '"age", "hour", "weekday", "night"]')
    fields = "".join(f'{name} = {{ type = "number" }}\n' for name in ("hour", "weekday", "night"))
    text = text.replace("[features]", f"{fields}\n[features]")
    return Columns(FeatureEncoder(parse_schema(text, "shop.toml", Path()), CATEGORIES))


_WITH_CALENDAR = _declare_calendar_as_numbers()


def change_channels(rows: Floats, random: np.random.Generator) -> None:
    """Move a third of the payments to one channel."""
    rows[random.random(len(rows)) < 1 / 3, CHANNEL] = CHANNELS.index("ecom")


def add_country(rows: Floats, random: np.random.Generator) -> None:
    """Let 3% of the payments come from a country that the model does not know."""
    rows[random.random(len(rows)) < 0.03, COUNTRY] = len(COUNTRIES)


def lose_ages(rows: Floats, random: np.random.Generator) -> None:
    """Let another 10% of the ages be missing."""
    rows[random.random(len(rows)) < 0.1, AGE] = np.nan


CHANGES: dict[str, tuple[Change, str]] = {
    "a third of the payments moves to one channel": (change_channels, "channel"),
    "3% of the payments from a new country": (add_country, "country.other"),
    "10% more ages are missing": (lose_ages, "age.missing"),
}


def _count_false_alarms(known: DriftDetector, stream: Floats, size: int) -> int:
    baseline = RollingBaseline()
    alarms = 0
    for start in range(0, len(stream), size):
        window = stream[start : start + size]
        verdict = known.detect(window, baseline) if len(baseline) == WINDOWS else None
        alarms += verdict is not None and verdict.detected
        baseline.add(window)
    return alarms


def _count_detections(
    known: DriftDetector, size: int, change: Change, column: str
) -> tuple[int, int]:
    """Return how often the first changed window drifts, and how often by this column first."""
    found = 0
    right = 0
    for run in range(_RUNS):
        stream = make_stream((WINDOWS + 1) * size, seed=100 + run, first_day=3)
        change(stream[-size:], np.random.default_rng(run))
        rows = make_rows(stream)
        baseline = RollingBaseline()
        for start in range(0, WINDOWS * size, size):
            baseline.add(rows[start : start + size])
        verdict = known.detect(rows[-size:], baseline)
        if verdict is not None and verdict.detected:
            found += 1
            right += verdict.ranking[0][0] == column
    return found, right


def main() -> None:
    """Print two tables."""
    known = build_detector()
    reference = make_stream(REFERENCE_ROWS, seed=1)
    with_calendar = DriftDetector(_make_rows_with_calendar(reference), _WITH_CALENDAR)
    print("| window | undisturbed windows | false alarms | upper bound | with the calendar |")
    print("|---|---|---|---|---|")
    for size, windows in _SIZES.items():
        stream = make_stream((windows + WINDOWS) * size, seed=2, first_day=3)
        alarms = _count_false_alarms(known, make_rows(stream), size)
        bound = compute_upper_bound(alarms, windows)
        more = _count_false_alarms(with_calendar, _make_rows_with_calendar(stream), size)
        print(f"| {size:,} | {windows:,} | {alarms} | {bound:.2%} | {more} |", flush=True)
    print()
    print("| change | window | runs | found at once | by its own column first |")
    print("|---|---|---|---|---|")
    for name, (change, column) in CHANGES.items():
        for size in _SIZES:
            found, right = _count_detections(known, size, change, column)
            print(f"| {name} | {size:,} | {_RUNS} | {found} | {right} |", flush=True)


if __name__ == "__main__":
    main()
