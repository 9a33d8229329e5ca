"""The engine against plain Python, bit for bit, however payments come and batches end."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from support.data.state_oracle import DAY, Oracle, Payment, make_columns

from payments.schema.reading import parse_schema, read_schema
from payments.state.engine import Engine

HOUR = DAY // 24
SMALL = """
name = "small"
roles = { id = "id", time = "at", key = "account", amount = "paid", label = "fraud" }
[fields]
id = { type = "id" }
at = { type = "time" }
paid = { type = "amount", decimals = 2 }
account = { type = "entity" }
shop = { type = "entity", optional = true }
device = { type = "entity", optional = true }
[features]
numbers = ["paid"]
[[features.velocity]]
entity = "account"
windows = ["1h", "24h", "3d"]
measures = ["count", "sum", "mean", "max"]
distinct = "shop"
[[features.velocity]]
entity = "account"
since_last = true
ratio_to_mean = "3d"
[[features.velocity]]
entity = ["shop", "account"]
windows = ["24h", "2d"]
measures = ["count", "sum", "mean", "max"]
distinct = "device"
since_last = true
[[features.velocity]]
entity = "device"
since_last = true
[[features.risk]]
entity = "shop"
windows = ["1d", "2d"]
delay = "12h"
[[features.risk]]
entity = "account"
windows = ["1d"]
delay = "1d"
"""
SCHEMA = parse_schema(SMALL, "small.toml", Path())


def equal(found, expected):
    """Whether arrays have the same bits; NaN is NaN."""
    return np.array_equal(found, expected, equal_nan=True)


def check(found, expected, names):
    for row, column in np.argwhere(~((found == expected) | (np.isnan(found) & np.isnan(expected)))):
        pytest.fail(
            f"{names[column]} of row {row}: {found[row, column]}, not {expected[row, column]}"
        )


# Times on the edges of windows, a little beside them, and equal ones.
times = st.builds(
    lambda hours, more: 100 * DAY + hours * HOUR + more,
    st.one_of(st.integers(0, 30), st.integers(0, 12).map(lambda n: 12 * n), st.integers(0, 400)),
    st.integers(-1, 1),
)
hashes = st.sampled_from([0, 1, 2, 2**63 + 1])
drawn_payments = st.builds(
    lambda time, amount, account, shop, device: Payment(
        time, amount, {"account": account, "shop": shop, "device": device}
    ),
    times,
    st.one_of(st.sampled_from([0, 1, -5, 1999]), st.integers(-(2**46), 2**46)),
    st.sampled_from([0, 5, 6]),
    hashes,
    hashes,
)
batches = st.lists(drawn_payments, max_size=12)


class Interleavings(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.engine, self.oracle = Engine(SCHEMA), Oracle(SCHEMA)
        self.frauds, self.watermark = [], 0

    def _mark_late(self, payments):
        """Payments from before the watermark's last day must see themselves alone."""
        return [each._replace(alone=each.time < self.watermark - DAY) for each in payments]

    def _columns(self, payments):
        return make_columns(payments, self.engine.fields)

    @rule(payments=batches)
    def apply(self, payments):
        payments = self._mark_late(payments)
        found = self.engine.apply(self._columns(payments))
        check(found, self.oracle.apply(payments), self.engine.features)

    @rule(payments=batches)
    def fold(self, payments):
        payments = self._mark_late(payments)
        self.engine.fold(self._columns(payments))
        self.oracle.apply(payments)

    @rule(payments=batches)
    def peek(self, payments):
        payments = self._mark_late(payments)
        found = self.engine.peek(self._columns(payments))
        check(found, self.oracle.peek(payments), self.engine.features)

    @rule()
    def commit(self):
        if self.oracle.kept:
            self.engine.commit()
            self.oracle.commit()

    @rule()
    def rollback(self):
        self.engine.rollback()
        self.oracle.rollback()

    @rule(payments=batches)
    def add_frauds(self, payments):
        self.frauds += payments
        columns = self._columns(payments)
        self.engine.add_frauds(columns.times, columns.hashes)
        for payment in payments:
            self.oracle.add_fraud(payment)

    @rule(data=st.data())
    def remove_frauds(self, data):
        if self.frauds:
            number = data.draw(st.integers(0, len(self.frauds) - 1))
            payment = self.frauds.pop(number)
            columns = self._columns([payment])
            self.engine.remove_frauds(columns.times, columns.hashes)
            self.oracle.remove_fraud(payment)

    @rule(time=times, places=st.sampled_from([1, 500, 1 << 62]))
    def sweep(self, time, places):
        self.watermark = max(self.watermark, time)
        self.engine.sweep(self.watermark, places)


Interleavings.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestInterleavings = Interleavings.TestCase


@given(st.lists(drawn_payments, min_size=1, max_size=30), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_what_a_payment_sees_depends_on_the_set_of_those_before_it(payments, random):
    one, other = Engine(SCHEMA), Engine(SCHEMA)
    one.fold(make_columns(payments, one.fields))
    one.commit()
    shuffled = random.sample(payments, len(payments))
    for payment in shuffled:
        other.fold(make_columns([payment], other.fields))
        if random.random() < 0.5:
            other.commit()
    probes = make_columns(payments, one.fields)
    for row in range(len(payments)):
        probe = make_columns([payments[row]], one.fields)
        check(other.peek(probe), one.peek(probe), one.features)
    assert equal(other.peek(probes), one.peek(probes))


def simulate(count, accounts, seed=1, days=90):
    """Payments of accounts of very different activity, in order of time except for some."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.integers(0, days * DAY, count)) + 400 * DAY
    late = rng.random(count) < 0.05
    times[late] -= rng.integers(0, 30 * HOUR, late.sum())
    who = (accounts * rng.random(count) ** 2).astype(int)
    shops = rng.integers(0, 40, count)
    key = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        account_hashes = (who.astype(np.uint64) + np.uint64(1)) * key
        shop_hashes = shops.astype(np.uint64) * key
        terminal_hashes = rng.integers(0, 500, count).astype(np.uint64) * key
    return [
        Payment(
            int(time),
            int(amount),
            {"account_id": int(account), "merchant_id": int(shop), "terminal_id": int(terminal)},
        )
        for time, amount, account, shop, terminal in zip(
            times,
            rng.integers(0, 50_000, count),
            account_hashes,
            shop_hashes,
            terminal_hashes,
            strict=True,
        )
    ]


def test_many_entities_that_grow_shrink_and_go_are_as_one_pass():
    schema = read_schema("cards")
    payments = simulate(6_000, 2_000)
    expected = Oracle(schema).apply(payments)
    engine = Engine(schema)
    rng = np.random.default_rng(2)
    found = np.empty_like(expected)
    committed = at = 0
    pending = []
    newest = 0
    while committed < len(payments):
        draw = rng.random()
        if draw < 0.1 and pending:
            engine.rollback()
            at = committed
            pending = []
        elif draw < 0.6 and at < len(payments):
            end = min(len(payments), at + int(rng.integers(1, 400)))
            found[at:end] = engine.apply(make_columns(payments[at:end], engine.fields))
            pending.append(end)
            at = end
        elif pending:
            engine.commit()
            newest = max([newest, *(each.time for each in payments[committed : pending[0]])])
            committed = pending.pop(0)
            engine.sweep(newest - 6 * HOUR, 512)
    check(found, expected, engine.features)
    assert engine.entities["account_id"] < 2_000


def test_a_rollback_leaves_the_entities_that_there_were():
    engine = Engine(read_schema("cards"))
    payments = simulate(3_000, 2_000)
    engine.fold(make_columns(payments[:1_000], engine.fields))
    engine.commit()
    before = engine.entities
    engine.fold(make_columns(payments[1_000:2_000], engine.fields))
    engine.fold(make_columns(payments[2_000:], engine.fields))
    assert engine.entities != before
    engine.rollback()
    assert engine.entities == before


def test_batches_that_are_tried_again_count_once():
    engine, untroubled = Engine(SCHEMA), Engine(SCHEMA)
    batches = [make_columns([pay(DAY + n, shop=1)] * 3, engine.fields) for n in range(4)]
    expected = [untroubled.apply(batch) for batch in batches]
    engine.apply(batches[0])
    engine.apply(batches[1])
    engine.apply(batches[2])
    engine.commit()
    engine.rollback()
    for batch, features in zip(batches[1:], expected[1:], strict=True):
        check(engine.apply(batch), features, engine.features)


def pay(time, amount=100, **values):
    return Payment(time, amount, {"account": 5} | values)


def apply(engine, *payments):
    """Return the features of the last payment, by name."""
    rows = engine.apply(make_columns(payments, engine.fields))
    engine.commit()
    return dict(zip(engine.features, rows[-1].tolist(), strict=True))


def test_a_late_payment_sees_nothing_after_itself():
    found = apply(Engine(SCHEMA), pay(DAY), pay(DAY + 2 * HOUR, 900), pay(DAY + HOUR, 300))
    assert found["account.count.3d"] == 2
    assert found["account.max.3d"] == 3.0
    assert found["account.since_last"] == 3600


def test_a_late_payment_counts_for_those_after_it():
    found = apply(Engine(SCHEMA), pay(3 * DAY), pay(2 * DAY + HOUR), pay(3 * DAY + 1))
    assert found["account.count.24h"] == 3


def test_a_window_begins_after_its_edge():
    found = apply(Engine(SCHEMA), pay(DAY), pay(DAY + 1), pay(DAY + HOUR))
    assert found["account.count.1h"] == 2


def test_without_an_entity_its_features_are_missing_and_nothing_is_stored():
    engine = Engine(SCHEMA)
    found = apply(engine, pay(DAY, account=0, shop=2))
    assert np.isnan(found["account.count.1h"])
    assert np.isnan(found["shop+account.count.24h"])
    assert found["shop.count.1d@12h"] == 0
    assert engine.entities == {"account": 0, "shop": 1, "device": 0}


def test_a_pair_without_its_partner_is_missing():
    found = apply(Engine(SCHEMA), pay(DAY, shop=1), pay(DAY, shop=0))
    assert np.isnan(found["shop+account.count.24h"])
    assert found["account.count.1h"] == 2
    assert found["account.distinct.shop.1h"] == 1


def test_a_payment_alone_sees_itself_and_is_not_stored():
    engine = Engine(SCHEMA)
    apply(engine, pay(DAY, shop=1))
    found = apply(engine, pay(DAY + 1, 250, shop=2)._replace(alone=True))
    assert found["account.count.3d"] == 1
    assert found["account.sum.3d"] == 2.5
    assert found["account.distinct.shop.3d"] == 1
    assert found["account.ratio.3d"] == 1
    assert np.isnan(found["account.since_last"])
    assert apply(engine, pay(DAY + 2))["account.count.3d"] == 2


def test_eviction_and_sweeping_change_no_value_of_a_payment_within_a_day():
    engine, untouched = Engine(SCHEMA), Engine(SCHEMA)
    history = [pay(hour * HOUR, 100 + hour, shop=1 + hour % 3) for hour in range(240)]
    for payment in history:
        apply(engine, payment)  # evicts with each commit
        engine.sweep(payment.time)
        untouched.fold(make_columns([payment], untouched.fields))  # nothing is final
    late = [pay(history[-1].time - DAY + n * HOUR + 1, shop=n % 3) for n in range(30)]
    for payment in late:
        probe = make_columns([payment], engine.fields)
        check(engine.peek(probe), untouched.peek(probe), engine.features)
    assert engine.memory_bytes["account"] <= untouched.memory_bytes["account"]


def test_a_sweep_forgets_only_what_no_payment_can_see():
    engine = Engine(SCHEMA)
    apply(engine, pay(10 * DAY, device=1), pay(10 * DAY + 1, device=2))
    horizon = 31 * DAY  # of the device, which has no window
    engine.sweep(10 * DAY + horizon + DAY)
    assert engine.entities == {"account": 0, "shop": 0, "device": 1}
    found = apply(engine, pay(10 * DAY + horizon, device=2))
    assert found["device.since_last"] == np.float32((horizon - 1) / 1000)


def test_a_sweep_leaves_what_is_not_final():
    engine = Engine(SCHEMA)
    apply(engine, pay(10 * DAY))
    engine.fold(make_columns([pay(10 * DAY + 1)], engine.fields))
    engine.sweep(100 * DAY)
    assert engine.entities["account"] == 1
    engine.rollback()
    engine.sweep(100 * DAY)
    assert engine.entities["account"] == 0


def test_of_a_hot_entity_the_newest_1024_payments_count_for_maxima_and_different_values():
    engine = Engine(SCHEMA)
    payments = [pay(DAY + n, 10_000 - n, shop=n + 1) for n in range(1030)]
    found = apply(engine, *payments)
    assert found["account.count.1h"] == 1030
    assert found["account.max.1h"] == np.float32(99.94)
    assert found["account.distinct.shop.1h"] == 1024


@pytest.mark.parametrize("span", [1, 700])
def test_a_hot_entity_is_as_in_plain_python(span):
    payments = [
        pay(DAY + n * 7919 % span, n * 31 % 997, shop=n * 17 % 1300, device=n % 3)
        for n in range(1400)
    ]
    engine, oracle = Engine(SCHEMA), Oracle(SCHEMA)
    engine.fold(make_columns(payments[:1395], engine.fields))
    oracle.fold(payments[:1395])
    found = engine.apply(make_columns(payments[1395:], engine.fields))
    check(found, oracle.apply(payments[1395:]), engine.features)


def fraud(engine, *payments, remove=False):
    columns = make_columns(payments, engine.fields)
    change = engine.remove_frauds if remove else engine.add_frauds
    change(columns.times, columns.hashes)


def test_risk_follows_the_labels():
    engine = Engine(SCHEMA)
    bad = pay(10 * DAY, shop=2)
    apply(engine, bad, pay(10 * DAY + 1, shop=2))
    probe = pay(10 * DAY + 13 * HOUR, shop=2)

    def risk():
        rows = engine.peek(make_columns([probe], engine.fields))
        return dict(zip(engine.features, rows[0].tolist(), strict=True))["shop.risk.1d@12h"]

    assert risk() == 0
    fraud(engine, bad)
    assert risk() == 0.5
    engine.fold(make_columns([pay(11 * DAY, shop=2)], engine.fields))
    engine.rollback()
    assert risk() == 0.5
    fraud(engine, bad, bad, bad)
    assert risk() == 1
    fraud(engine, bad, bad, bad, bad, bad, remove=True)
    assert risk() == 0


def test_a_fraud_may_be_known_before_its_payment():
    engine = Engine(SCHEMA)
    bad = pay(10 * DAY, shop=2)
    fraud(engine, bad)
    assert apply(engine, bad, pay(11 * DAY, shop=2))["shop.risk.1d@12h"] == 1


@pytest.mark.parametrize(
    "change",
    [
        {"times": np.zeros(2)},
        {"amounts": np.zeros(3, np.int64)},
        {"amounts": np.zeros(4, np.int64)[::2]},
        {"alone": np.zeros(2, np.int64)},
        {"hashes": dict.fromkeys(("account", "shop", "device"), np.zeros(2, np.int64))},
    ],
)
def test_arrays_that_the_loops_cannot_read_are_refused(change):
    engine = Engine(SCHEMA)
    columns = make_columns([pay(DAY), pay(DAY)], engine.fields)._replace(**change)
    with pytest.raises(ValueError, match="expected a contiguous array of 2 "):
        engine.apply(columns)
    with pytest.raises(RuntimeError, match="final already"):
        engine.commit()


def test_commit_without_a_batch_is_an_error():
    with pytest.raises(RuntimeError, match="final already"):
        Engine(SCHEMA).commit()


def test_a_schema_without_history_has_no_columns():
    engine = Engine(read_schema("creditcard"))
    payments = make_columns([pay(DAY)], engine.fields)
    assert engine.apply(payments).shape == (1, 0)
    engine.commit()
    assert engine.features == ()
    assert engine.memory_bytes == {}
