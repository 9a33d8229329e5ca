"""Features of history of a file: those of the stream's engine, and those of plain Python."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.data import own
from support.data.cards import simulate_table
from support.data.state_oracle import DAY, Oracle, Payment, make_columns

from model import dataset, publish
from model.errors import TrainingError
from model.evaluation.seen_rows import find_duplicates, find_seen_rows
from model.explanation import explain
from model.history import Frauds, compute_history
from model.training import pipeline
from payments.errors import PaymentFileError
from payments.schema.reading import parse_schema, read_schema
from payments.state.engine import Engine
from producer.simulation.cards import CardOptions

HOUR = DAY // 24
SCHEMA = parse_schema(
    """
name = "small"
roles = { id = "id", time = "at", key = "card", amount = "paid", label = "fraud" }
[fields]
id = { type = "id" }
at = { type = "time" }
paid = { type = "amount" }
card = { type = "entity" }
shop = { type = "entity", optional = true }
[features]
numbers = ["paid"]
[[features.velocity]]
entity = "card"
windows = ["6h", "2d"]
measures = ["count", "sum", "mean", "max"]
distinct = "shop"
since_last = true
ratio_to_mean = "2d"
[[features.velocity]]
entity = ["card", "shop"]
windows = ["2d"]
measures = ["count"]
[[features.risk]]
entity = "shop"
windows = ["1d", "2d"]
delay = "12h"
[[features.risk]]
entity = "card"
windows = ["3d"]
delay = "1d"
""",
    "small.toml",
    own.Path(),
)
NOBODY = Frauds(np.empty(0, np.int64), np.empty(0, np.int64))

times = st.one_of(st.integers(0, 30), st.integers(0, 200)).map(lambda n: 100 * DAY + n * HOUR)
drawn_payments = st.lists(
    st.builds(
        lambda time, more, amount, card, shop: Payment(
            time + more, amount, {"card": card, "shop": shop}
        ),
        times,
        st.integers(-1, 1),
        st.integers(-5, 2000),
        st.sampled_from([0, 5, 6]),
        st.sampled_from([0, 1, 2**63 + 1]),
    ),
    min_size=1,
    max_size=40,
)
delays = st.one_of(st.integers(0, 96).map(lambda n: n * HOUR), st.integers(-DAY, 4 * DAY))


def draw_frauds(data, payments):
    delays_of = data.draw(
        st.lists(st.none() | delays, min_size=len(payments), max_size=len(payments))
    )
    rows = [row for row, delay in enumerate(delays_of) if delay is not None]
    known = [payments[row].time + delays_of[row] for row in rows]
    return Frauds(np.array(rows, np.int64), np.array(known, np.int64))


def order_as_the_stream(payments):
    """Return the rows in order of time, with those alone that are more than a day late."""
    newest = np.maximum.accumulate([payment.time for payment in payments]).tolist()
    marked = [
        payment._replace(alone=payment.time < last - DAY)
        for payment, last in zip(payments, newest, strict=True)
    ]
    order = np.argsort([payment.time for payment in payments], kind="stable")
    return order, [marked[row] for row in order]


def put_back(order, rows):
    found = np.empty_like(rows)
    found[order] = rows
    return found


@settings(max_examples=150)
@given(payments=drawn_payments, chunk=st.integers(1, 50), data=st.data())
def test_a_label_counts_from_the_moment_it_is_known(payments, chunk, data):
    frauds = draw_frauds(data, payments)
    found = compute_history(SCHEMA, make_columns(payments, ("card", "shop")), frauds, chunk)
    oracle = Oracle(SCHEMA)
    order, ordered = order_as_the_stream(payments)
    waiting = [
        (max(known, payments[row].time), payments[row])
        for row, known in zip(frauds.rows.tolist(), frauds.known_ms.tolist(), strict=True)
    ]
    rows = []
    for payment in ordered:
        for fraud in [fraud for known, fraud in waiting if known <= payment.time]:
            oracle.add_fraud(fraud)
        waiting = [each for each in waiting if each[0] > payment.time]
        rows.append(oracle.apply([payment])[0])
        oracle.kept.clear()
    expected = put_back(order, np.array(rows))
    assert np.array_equal(found, expected, equal_nan=True)


@settings(max_examples=50)
@given(payments=drawn_payments, data=st.data())
def test_a_file_in_one_pass_is_the_stream_in_any_batches(payments, data):
    found = compute_history(SCHEMA, make_columns(payments, ("card", "shop")), NOBODY)
    engine = Engine(SCHEMA)
    order, ordered = order_as_the_stream(payments)
    rows, first = [], 0
    while first < len(ordered):
        end = first + data.draw(st.integers(1, 8))
        batch = make_columns(ordered[first:end], engine.fields)
        if data.draw(st.booleans()):
            engine.apply(batch)
            engine.rollback()
        rows.append(engine.apply(batch))
        engine.commit()
        first = end
    assert np.array_equal(found, put_back(order, np.concatenate(rows)), equal_nan=True)


# ------------------------------------------------------------------------------------ from a file
@pytest.fixture(scope="module")
def rows():
    """Payments in which fraud is frequent."""
    return simulate_table(CardOptions(6000, customers=150, fraud_share=0.04)).reset_index(drop=True)


@pytest.fixture(scope="module")
def file(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("cards") / "cards.csv"
    rows.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def data(file):
    return dataset.read_for_training(file, read_schema("cards"))


def test_each_measure_is_what_it_says(rows, data):
    table = data.table
    rows = rows.assign(
        at=pd.to_datetime(rows["event_time"]), known=pd.to_datetime(rows["labelled_at"])
    )
    day = pd.Timedelta(days=1)
    for number in range(5, len(rows), 53):
        row = rows.iloc[number]
        before = rows[: number + 1]
        own_payments = before[before["account_id"] == row["account_id"]]
        last_day = own_payments[own_payments["at"] > row["at"] - day]
        month = own_payments[own_payments["at"] > row["at"] - 30 * day]
        found = table.iloc[number]
        assert found["account_id.count.24h"] == len(last_day)
        assert found["account_id.sum.24h"] == np.float32(round(last_day["amount"].sum(), 2))
        assert found["account_id.max.24h"] == np.float32(last_day["amount"].max())
        assert found["account_id.distinct.merchant_id.24h"] == last_day["merchant_id"].nunique()
        same = month["merchant_id"] == row["merchant_id"]
        assert found["account_id+merchant_id.count.30d"] == same.sum()
        ratio = row["amount"] / month["amount"].mean()
        assert found["account_id.ratio.30d"] == pytest.approx(ratio, rel=1e-6)
        since = (row["at"] - own_payments["at"]).dt.total_seconds().iloc[:-1].tail(1).tolist()
        assert [found["account_id.since_last"]] == (
            [np.float32(since[0])] if since else pytest.approx([np.nan], nan_ok=True)
        )
        if pd.isna(row["terminal_id"]):
            assert np.isnan(found["terminal_id.mean.24h"])
            continue
        at_terminal = before[before["terminal_id"] == row["terminal_id"]]
        last_day = at_terminal[at_terminal["at"] > row["at"] - day]
        mean = last_day["amount"].mean()
        assert found["terminal_id.mean.24h"] == pytest.approx(mean, rel=1e-6)
        age = row["at"] - at_terminal["at"]
        month = at_terminal[(age >= 7 * day) & (age < 37 * day)]
        known = (month["is_fraud"] == 1) & (month["known"] <= row["at"])
        assert found["terminal_id.count.30d@7d"] == len(month)
        assert found["terminal_id.risk.30d@7d"] == pytest.approx(
            known.sum() / len(month) if len(month) else np.nan, rel=1e-6, nan_ok=True
        )
    assert (table["terminal_id.risk.30d@7d"] > 0).sum() > 30


def test_a_model_with_history_is_trained_read_again_and_explained(rows, file, data, tmp_path):
    model = publish.save(pipeline.train(data), tmp_path)
    again = dataset.read(file, model.decoder.encoder)
    pd.testing.assert_frame_equal(again, data.table)
    part = dataset.read_inputs(file, model.decoder.encoder, end=2500)
    pd.testing.assert_frame_equal(part[list(model.features)], again[:2500][list(model.features)])
    encoder = model.decoder.encoder
    history = part[list(encoder.history)].iloc[-1:].to_numpy(np.float32)
    columns = ["terminal_id", "device_id", "ip", "is_fraud", "labelled_at", "fraud_pattern"]
    row = rows.iloc[2499].drop(columns)
    value = pd.Series({**row, "mcc": str(row["mcc"])}).to_json().encode()
    explained = explain(model, value, pd.Timestamp(rows["event_time"][2499]), history)
    reasons = {reason.feature: reason.value for reason in explained.reasons}
    assert reasons["account_id.count.30d"] == again["account_id.count.30d"][2499] > 1
    total = explained.base + sum(each.contribution for each in explained.reasons) + explained.rest
    assert total == pytest.approx(explained.margin, abs=1e-4)
    card = (model.directory / "MODEL_CARD.md").read_text()
    label = "total of this account in the last 24 hours"
    assert f"| `account_id.sum.24h` | {label} | " in card
    assert "Features of history count what the file has" in card
    assert "label_delay" not in (model.directory / "manifest.json").read_text()


def test_fitted_rows_are_known_again_in_a_file_that_begins_later(rows, data, tmp_path):
    """Their history is shorter there, and so other features than those they were fitted with."""
    path = tmp_path / "later.csv"
    rows[3000:3600].to_csv(path, index=False)
    later = dataset.read(path, data.encoder)
    fitted = data.table[:4800]
    assert find_duplicates(later, fitted, data.encoder).mean() < 0.5
    assert find_seen_rows(later, fitted, data.encoder).all()
    assert not find_seen_rows(data.table[4800:], fitted, data.encoder).any()


def test_a_feature_that_is_never_there_is_refused_before_trees_grow(data):
    empty = data.table.assign(**{"terminal_id.risk.30d@7d": np.nan})
    with pytest.raises(TrainingError, match=r"risk.30d@7d is missing in all legitimate"):
        pipeline.train(data._replace(table=empty))


def test_rows_out_of_order_go_to_their_place(rows, data, tmp_path):
    """Rows that are less than a day late see what they would have seen in time."""
    encoder = data.encoder
    names = list(encoder.history)
    mixed = rows.sample(frac=1, random_state=1).assign(
        day=lambda shuffled: shuffled["event_time"].str[:10]
    )
    mixed = mixed.sort_values("day", kind="stable").drop(columns="day")
    mixed.to_csv(tmp_path / "mixed.csv", index=False)
    found = dataset.read_inputs(tmp_path / "mixed.csv", encoder)[names].set_index(mixed.index)
    pd.testing.assert_frame_equal(found.sort_index(), data.table[names])
    number = np.flatnonzero(data.table["account_id.count.30d"] > 3)[0]
    late = pd.concat([rows.drop(index=number)[: number + 1000], rows[number : number + 1]])
    late.to_csv(tmp_path / "late.csv", index=False)
    last = dataset.read_inputs(tmp_path / "late.csv", encoder).iloc[-1]
    assert last["account_id.count.30d"] == 1  # days late, and so alone


def test_training_needs_to_know_when_labels_became_known(rows, data, tmp_path):
    schema = read_schema("cards")
    path = tmp_path / "undated.csv"
    rows.drop(columns="labelled_at").to_csv(path, index=False)
    with pytest.raises(TrainingError, match=r"when its frauds became known \(labelled_at is.*7d"):
        dataset.read_for_training(path, schema)
    risk = "terminal_id.risk.30d@7d"
    late, soon, random = (
        dataset.read_for_training(path, schema, delay).table[risk].fillna(0)
        for delay in ("60d", "0s", "exponential:7d")
    )
    assert (late == 0).all()
    assert 0 < random.sum() < soon.sum()
    half = rows.assign(labelled_at=rows["labelled_at"].where(rows.index % 2 == 0))
    half.to_csv(path, index=False)
    found = dataset.read_for_training(path, schema, "60d").table[risk].fillna(0)
    assert 0 < found.sum() < data.table[risk].sum()  # the file's own dates count


def test_a_file_without_labels_is_refused_if_risk_needs_them(rows, data, tmp_path):
    path = tmp_path / "unlabelled.csv"
    rows.drop(columns="is_fraud").to_csv(path, index=False)
    with pytest.raises(PaymentFileError, match="lacks the columns is_fraud"):
        dataset.read_inputs(path, data.encoder)
