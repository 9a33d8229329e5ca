"""Drift on a team's own payments: categories, missing values, nested fields and a calendar."""

import json
import logging
from types import SimpleNamespace

import msgspec
import numpy as np
import pandas as pd
import pytest
from prometheus_client import CollectorRegistry
from scipy.stats import wasserstein_distance
from support.data import drifting, own
from support.paths import ROOT
from support.report_numbers import findings

from benchmarks.drift import categories as shop
from drift import predictions
from drift.detect import reference
from drift.detect.columns import Columns
from drift.detect.distances import compute_distances
from drift.detect.impact import rank_features
from drift.detect.rolling_baseline import RollingBaseline
from drift.detect.wasserstein import sort_columns
from drift.errors import NoReferenceError
from drift.labels.join import DecisionReader
from drift.metrics import DriftMetrics
from drift.predictions import PredictionDecoder, get_inputs, make_detector_rows
from drift.reports.evidently_report import ReportRequest
from model.alert import list_derived
from payments.decoder import TransactionDecoder
from payments.features import FeatureEncoder
from streams.kafka.connection import Connection
from streams.skipped_records import SkippedRecordLog

ENCODER = FeatureEncoder(
    own.SCHEMA, {"country": ("BE", "FR", "NL"), "channel": ("chip", "ecom", "atm")}
)
DECODER = TransactionDecoder(ENCODER)
SIZE = 1_000


class Record(SimpleNamespace):
    def value(self):
        return self.content

    def topic(self):
        return "predictions"

    def partition(self):
        return 0

    def offset(self):
        return self.number

    def timestamp(self):
        return 1, 1_900_000_000_000


def make_prediction(number, row, outside=None, **changes):
    """Return a prediction; `outside` replaces its fields, `changes` those of the transaction."""
    sent = own.make_transaction(row)
    _, features = DECODER.decode_one(sent)
    fields = {
        "transaction_id": row["payment ref"],
        "event_time": row["booked at"],
        "probability": 0.25,
        "decision": "review",
        "schema": own.SCHEMA.reference,
        "features": list_derived(ENCODER, features[0]),
        "transaction": json.loads(sent) | changes,
    } | (outside or {})
    return Record(number=number, content=json.dumps(fields).encode())


@pytest.fixture(scope="module")
def rows():
    return own.make_rows(400)


@pytest.fixture(scope="module")
def detector():
    return shop.build_detector()


@pytest.fixture(scope="module")
def stream():
    return shop.make_stream(12 * SIZE, seed=7, first_day=3)


def judge(detector, stream):
    """Return the verdict on the last window of a stream, by the ten before."""
    rows = shop.make_rows(stream)
    baseline = RollingBaseline()
    for start in range(0, len(rows) - SIZE, SIZE):
        baseline.add(rows[start : start + SIZE])
    return detector.detect(rows[-SIZE:], baseline)


def test_rows_are_what_the_model_read(rows):
    records = [make_prediction(number, row) for number, row in rows.iterrows()]
    found = PredictionDecoder(ENCODER).decode(records).rows
    scored = [DECODER.decode_one(own.make_transaction(row))[1] for _, row in rows.iterrows()]
    assert get_inputs(found).astype(np.float32).tobytes() == np.concatenate(scored).tobytes()
    assert np.isnan(found).any()
    assert np.array_equal(found[:, 0], rows["value"])  # not rounded to float32


@pytest.mark.parametrize("change", [{"amount": 1e39}, {"country": 5}, {"present": "yes"}])
def test_what_the_schema_does_not_allow_is_skipped(rows, change):
    first, last = rows.iloc[0], rows.iloc[1]
    records = [make_prediction(0, first, **change), make_prediction(1, last)]
    found = PredictionDecoder(ENCODER).decode(records)
    assert found.skipped == 1
    assert found.positions[:, 1].tolist() == [1]
    assert found.rows[:, 0].tolist() == [last["value"]]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"schema": "shop@0123456789ab"}, "scored with another schema than the model's"),
        ({"features": [12.0]}, "Expected `array` of length "),
        ({"features": None}, "Expected `array`, got `null` - at `$.features`"),
    ],
)
def test_a_prediction_of_another_schema_is_skipped_by_name(
    rows, caplog, monkeypatch, change, reason
):
    monkeypatch.setattr(predictions, "_skips", SkippedRecordLog(logging.getLogger("drift")))
    records = [make_prediction(0, rows.iloc[0], change), make_prediction(1, rows.iloc[1])]
    found = PredictionDecoder(ENCODER).decode(records)
    assert (found.skipped, found.positions[:, 1].tolist()) == (1, [1])
    assert reason in caplog.text


def test_a_missing_feature_is_missing(rows):
    sent = make_prediction(0, rows.iloc[0])
    content = json.loads(sent.content)
    content["features"][0] = None
    found = PredictionDecoder(ENCODER).decode(
        [Record(number=0, content=json.dumps(content).encode())]
    )
    assert np.isnan(get_inputs(found.rows)[0, len(ENCODER.inputs)])


def test_a_prediction_of_version_1_is_read_if_its_features_are_fields():
    example = (ROOT / "docs/contract/v1/examples/prediction.json").read_bytes()
    found = drifting.DECODER.decode([Record(number=7, content=example)])
    assert (found.skipped, len(found.rows)) == (0, 1)


def test_labels_are_about_the_value_of_the_key(rows):
    reader = DecisionReader(Connection("127.0.0.1:9"), own.SCHEMA)
    decision, payment = reader._decode(make_prediction(0, rows.iloc[3]))
    assert (decision, payment.transaction_id) == ("review", "p3")
    assert payment.key == rows["card.number"][3]


def test_distances_are_of_what_is_known_and_of_shares(stream):
    before, current = (shop.make_rows(stream[part]) for part in (slice(3_000), slice(3_000, 4_000)))
    distances = dict(
        zip(
            shop.COLUMNS.names,
            compute_distances(sort_columns(before), sort_columns(current), shop.COLUMNS),
            strict=True,
        )
    )
    names = list(shop.COLUMNS.names)
    earlier, later = (pd.DataFrame(rows, columns=names) for rows in (before, current))
    assert distances["age"] == pytest.approx(
        wasserstein_distance(earlier["age"].dropna(), later["age"].dropna())
    )
    for name in ("country", "channel"):
        shares = [
            table[name].value_counts(normalize=True, dropna=False) for table in (earlier, later)
        ]
        moved = shares[0].sub(shares[1], fill_value=0).abs().sum() / 2
        assert distances[name] == pytest.approx(moved), name
    missing = earlier["age"].isna().mean() - later["age"].isna().mean()
    assert distances["age.missing"] == pytest.approx(abs(missing))
    others = [(table["country"] == len(shop.COUNTRIES)).mean() for table in (earlier, later)]
    assert distances["country.other"] == pytest.approx(abs(others[0] - others[1]))


def test_an_undisturbed_window_does_not_drift(detector, stream):
    verdict = judge(detector, stream)
    assert not verdict.detected
    assert set(verdict.distances) == set(shop.COLUMNS.names)
    assert not {"hour", "weekday", "night"} & set(verdict.distances)


@pytest.mark.parametrize(("change", "column"), shop.CHANGES.values())
def test_a_changed_category_a_new_value_and_missing_values_are_drift(
    detector, stream, change, column
):
    disturbed = stream.copy()
    change(disturbed[-SIZE:], np.random.default_rng(1))
    verdict = judge(detector, disturbed)
    assert verdict.detected
    assert verdict.ranking[0][0] == column
    calm = judge(detector, stream)
    for name, share in verdict.shares.items():
        assert (share > 2 * calm.shares[name]) == (name == column), name


def test_a_column_without_a_value_leaves_the_others_judged(detector, stream):
    empty = stream.copy()
    empty[-SIZE:, shop.AGE] = np.nan
    verdict = judge(detector, empty)
    assert verdict.detected
    assert verdict.distances["age"] == 0
    assert verdict.shares["age.missing"] == 1
    assert verdict.outliers == {}


def test_one_unseen_value_alone_is_no_drift(stream):
    seen = shop.make_stream(shop.REFERENCE_ROWS, seed=1)
    seen[seen[:, shop.COUNTRY] == len(shop.COUNTRIES), shop.COUNTRY] = 0
    detector = shop.DriftDetector(shop.make_rows(seen), shop.COLUMNS)
    window = stream.copy()
    window[window[:, shop.COUNTRY] == len(shop.COUNTRIES), shop.COUNTRY] = 0
    window[-1, shop.COUNTRY] = len(shop.COUNTRIES)
    verdict = judge(detector, window)
    assert verdict.shares["country.other"] == 1 / SIZE
    assert not verdict.detected


def test_gauges_name_the_distance_and_show_the_share_of_new_values(detector, stream):
    registry = CollectorRegistry()
    metrics = DriftMetrics(registry, shop.COLUMNS)
    verdict = judge(detector, stream)
    metrics._show(
        SimpleNamespace(
            end=None,
            severity=None,
            reference_severity=None,
            alerts=None,
            score=verdict.score,
            detected=verdict.detected,
            tail=verdict.tail,
            high_scores=1.0,
            from_reference=verdict.from_reference,
            limits=verdict.limits,
            stuck=verdict.constant_ratios,
            shares=verdict.shares,
            distances=verdict.distances | {"of an earlier model": 1.0},
            top=rank_features(verdict.distances, dict.fromkeys(shop.COLUMNS.names[:-1], 0.1)),
        )
    )
    methods = {
        sample.labels["feature"]: sample.labels["method"]
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "fraud_drift_distance"
    }
    assert methods.keys() == set(shop.COLUMNS.names)
    assert {name for name, method in methods.items() if method == "wasserstein"} == {
        "amount",
        "age",
        "margin",
    }
    assert methods["country"] == "total_variation"
    share = registry.get_sample_value("fraud_drift_share", {"feature": "country.other"})
    assert share == verdict.shares["country.other"]


def test_evidently_gets_the_types_and_labels_and_agrees(detector, stream, tmp_path):
    disturbed = stream.copy()
    shop.change_channels(disturbed[-SIZE:], np.random.default_rng(1))
    verdict = judge(detector, disturbed)
    window = shop.make_rows(disturbed[-SIZE:])
    found = findings(ReportRequest(tmp_path / "report.html", verdict.clip(window), verdict))
    labels = {column.name: column.label for column in shop.COLUMNS.all}
    assert labels["country"] == "country of the merchant (country)"
    assert labels["country.other"] == "country of the merchant (country): other"
    assert labels["amount"] == "amount"
    assert found.share == pytest.approx(verdict.score)
    for name, distance in verdict.distances.items():
        assert found.values[labels[name]] == pytest.approx(distance, abs=2e-3), name


def write_reference(folder, stream, **columns):
    table = pd.DataFrame(stream, columns=[*shop.ENCODER.names, "margin"])
    table.assign(Time=0.0, Class=0, **columns).to_parquet(folder / "reference.parquet")
    manifest = {"version": "v1", "categories": shop.ENCODER.categories}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_reference_has_the_categories_of_its_model(tmp_path, stream):
    write_reference(tmp_path, stream)
    found = reference.load(tmp_path, shop.SCHEMA)
    assert found.encoder.categories == shop.ENCODER.categories
    assert found.detector.columns.names == shop.COLUMNS.names
    decoded = np.column_stack([stream[:, :-1], np.full((len(stream), 3), 0.5)])
    rows = make_detector_rows(decoded, found.detector.columns)
    assert rows.shape == (len(stream), len(shop.COLUMNS))


def test_a_missing_value_in_a_reference_needs_an_optional_field(tmp_path, stream):
    write_reference(tmp_path, stream, amount=np.nan)
    with pytest.raises(NoReferenceError, match="all finite"):
        reference.load(tmp_path, shop.SCHEMA)


def test_optional_fields_and_categories_are_marked():
    names = Columns(ENCODER).names
    assert names == (
        "amount",
        "card_age",
        "present",
        "country",
        "channel",
        "card_age.missing",
        "country.other",
        "channel.other",
        "channel.missing",
        "margin",
    )
    assert msgspec.json.encode(names)
