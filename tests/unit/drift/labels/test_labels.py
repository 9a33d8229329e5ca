import json
import tracemalloc
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from drift.labels.label_index import LabelIndex
from drift.labels.label_store import LabelStore
from drift.metrics import LabelMetrics
from drift.quality import POOLED_WINDOWS, Outcomes, Quality, Truth, frauds_rose, pool
from model.intervals import UNDEFINED, wilson_interval

START = datetime(2026, 1, 31, tzinfo=UTC)
EVER = (0, 10**12)


class Record:
    """A message of `labels`."""

    def __init__(self, value, arrived_ms=0):
        self._value, self._arrived_ms = value, arrived_ms

    def value(self):
        return self._value

    def timestamp(self):
        return 1, self._arrived_ms

    def topic(self):
        return "labels"

    def partition(self):
        return 0

    def offset(self):
        return 7


def label(payment, fraud=True, at=0, source="chargeback", arrived_ms=0):
    labelled_at = (START + timedelta(seconds=at)).isoformat()
    fields = {
        "transaction_id": payment,
        "is_fraud": fraud,
        "labelled_at": labelled_at,
        "source": source,
    }
    return Record(json.dumps(fields).encode(), arrived_ms)


@given(
    st.permutations([(5, True, "analyst"), (9, False, "chargeback"), (7, True, "replay")]),
    st.integers(1, 3_000),
)
def test_the_last_labelled_at_wins_in_whatever_order_they_arrive(order, index_ms):
    labels = LabelStore(index_ms)
    labels.add(
        label("a", fraud, at, source, arrived_ms=1_000 * n)
        for n, (at, fraud, source) in enumerate(order)
    )
    assert labels.truth("a", EVER) == Truth(fraud=False, full=True)
    assert labels.truth("b", EVER) is None


def test_an_analyst_does_not_know_of_all_payments():
    labels = LabelStore(1_000)
    labels.add([label("a", source="analyst"), label("b", source="replay")])
    assert (labels.truth("a", EVER), labels.truth("b", EVER)) == (
        Truth(True, False),
        Truth(True, True),
    )


@given(
    st.permutations(
        [
            (5, False, "chargeback"),
            (9, True, "analyst"),
            (9, False, "analyst"),
            (7, False, "analyst"),
        ]
    ),
    st.integers(1, 4_000),
)
def test_who_ever_labelled_a_payment_is_known_whoever_did_so_last(order, index_ms):
    labels = LabelStore(index_ms)
    labels.add(
        label("a", fraud, at, source, arrived_ms=1_000 * n)
        for n, (at, fraud, source) in enumerate(order)
    )
    assert labels.truth("a", EVER) == Truth(fraud=True, full=True)


@pytest.mark.parametrize("later_ms", [0, 5_000])
def test_analysts_who_confirm_alerts_later_change_no_recall(later_ms):
    labels = LabelStore(1_000)
    decisions = dict.fromkeys([f"alert-{n}" for n in range(8)], "review") | dict.fromkeys(
        ["missed-0", "missed-1"], "approve"
    )
    labels.add(label(payment, source="chargeback") for payment in decisions)
    labels.add(label(f"alert-{n}", at=60, source="analyst", arrived_ms=later_ms) for n in range(8))
    found = Quality()
    for payment, decision in decisions.items():
        found.count(decision, labels.truth(payment, EVER))
    assert found.recall == wilson_interval(8, 10)
    labels.add([label("alert-0", fraud=False, at=90, source="analyst", arrived_ms=later_ms)])
    assert labels.truth("alert-0", EVER) == Truth(fraud=False, full=True)


@given(
    st.permutations([(5, True, "chargeback"), (9, False, "analyst"), (7, True, "analyst")]),
    st.integers(1, 4_000),
)
def test_what_came_later_than_it_was_waited_for_is_not_known(order, index_ms):
    labels = LabelStore(index_ms)
    labels.add(
        label("a", fraud, at, source, arrived_ms=1_000 * n)
        for n, (at, fraud, source) in enumerate(order, 1)
    )
    assert labels.truth("a", (0, 999)) is labels.truth("a", (3_001, 9_999)) is None
    for n, (_, fraud, source) in enumerate(order, 1):
        assert labels.truth("a", (1_000 * n, 1_000 * n)) == Truth(fraud, source != "analyst")
    _, fraud, _ = max(order[:2])
    assert labels.truth("a", (0, 2_999)) == Truth(
        fraud, full="chargeback" in (order[0][2], order[1][2])
    )


def test_a_payment_that_is_labelled_again_and_again_takes_little_room():
    labels = LabelStore(index_ms=10**6)
    labels.add(label("a", fraud=n == 999, at=n, arrived_ms=n) for n in range(1_000))
    assert len(labels) < 20
    assert len(labels) + labels.take_dropped() == 1_000
    assert labels.truth("a", EVER) == Truth(fraud=True, full=True)


def test_what_nobody_asks_for_any_more_is_forgotten_and_nothing_else():
    labels = LabelStore(index_ms=1_000)
    labels.add(label(f"p{at}", arrived_ms=at) for at in range(0, 10_000, 100))
    labels.forget(before_ms=4_500)
    assert labels.truth("p4500", EVER) is not None
    assert labels.truth("p3900", EVER) is None
    assert len(labels) == 60  # stretches go as a whole


@pytest.mark.parametrize("pace_ms", [10, 0])
def test_memory_is_bounded_and_what_goes_is_counted(pace_ms):
    labels = LabelStore(index_ms=1_000, most=250)
    labels.add(label(f"p{n * 10}", arrived_ms=n * pace_ms) for n in range(1_000))
    assert len(labels) <= 250
    assert len(labels) + labels.take_dropped() == 1_000
    assert labels.take_dropped() == 0
    assert labels.truth("p9990", EVER) is not None
    assert labels.truth("p0", EVER) is None


@example([(5, arrived) for arrived in range(20)])
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**60 - 1) | st.sampled_from([5, 21, 2**40 + 5]), st.integers(0, 9)
        ),
        max_size=200,
    )
)
def test_a_stretch_is_a_dict_of_lists(put):
    stretch, expected = LabelIndex(0), defaultdict(list)
    for key, arrived in put:
        known = expected[key]
        added = stretch.put(key, arrived, -arrived)
        assert added == (len(known) < 16)
        expected[key] = [*known[:15], (arrived, -arrived)]
    assert len(stretch) == sum(map(len, expected.values()))
    for key in [*expected, 37, 2**50 + 5]:
        assert list(stretch.get(key)) == expected[key]


def test_a_label_takes_as_much_memory_as_is_promised():
    tracemalloc.start()
    stretch = LabelIndex(0)
    for number in range(100_000):
        stretch.put(hash(str(number)) & (2**60 - 1), number, number)
    assert tracemalloc.get_traced_memory()[0] < 44 * 100_000
    tracemalloc.stop()


def test_labels_of_other_payments_take_no_room():
    labels = LabelStore(index_ms=10, most=16, only={"p-0", "p-99"})
    labels.add([label(f"p-{number}", arrived_ms=number) for number in range(100)])
    assert len(labels) == 2
    assert labels.truth("p-0", EVER) == labels.truth("p-99", EVER) == Truth(fraud=True, full=True)
    assert labels.take_dropped() == 0


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"\xff",
        b"{}",
        label("a", at=0, source="rumour").value(),
        b'{"transaction_id":1}',
        b"[" * 9_999,
    ],
)
def test_what_is_no_label_is_counted_and_the_others_stand(value):
    labels = LabelStore(1_000)
    assert labels.add([label("a"), Record(value), label("b")]) == 1
    assert len(labels) == 2


def quality(**counts):
    found = Quality()
    for decision, outcomes in counts.items():
        for truth, count in outcomes.items():
            for _ in range(count):
                found.count(decision, truth)
    return found


FRAUD, LEGITIMATE = Truth(True, True), Truth(False, True)
ANALYST_FRAUD, ANALYST_LEGITIMATE = Truth(True, False), Truth(False, False)


def test_analysts_give_precision_and_never_recall():
    found = quality(
        review={ANALYST_FRAUD: 6, ANALYST_LEGITIMATE: 2, None: 5}, approve={None: 1_000}
    )
    assert found.precision == wilson_interval(6, 8)
    assert found.recall == UNDEFINED
    found = quality(
        review={ANALYST_FRAUD: 6, FRAUD: 3}, approve={FRAUD: 1, LEGITIMATE: 500, ANALYST_FRAUD: 4}
    )
    assert found.recall == wilson_interval(3, 4)


def test_no_label_is_not_legitimate():
    found = quality(review={FRAUD: 1, None: 9}, approve={None: 90})
    assert found.precision == wilson_interval(1, 1)
    assert found.recall == wilson_interval(1, 1)
    assert found.labelled_share == 0.01


def test_blocked_payments_are_expected_to_have_no_label():
    found = quality(approve={LEGITIMATE: 3}, review={FRAUD: 1}, block={None: 96})
    assert found.labelled_share == 1
    assert quality(block={None: 3}).labelled_share is None
    assert found.block == Outcomes(payments=96)


def test_windows_are_pooled():
    one = quality(approve={LEGITIMATE: 3, None: 1}, review={FRAUD: 2}, block={ANALYST_FRAUD: 1})
    assert pool([one, one, Quality()]) == quality(
        approve={LEGITIMATE: 6, None: 2}, review={FRAUD: 4}, block={ANALYST_FRAUD: 2}
    )
    assert pool([]) == Quality()


def window(frauds, payments=1_000, labelled=None):
    labelled = payments if labelled is None else labelled
    return Quality(approve=Outcomes(payments=payments, fraud=frauds, legitimate=labelled - frauds))


USUAL = [window(frauds) for frauds in (2, 1, 3, 2, 0, 1, 2, 2, 1, 3, 2, 1, 2, 2, 1, 2, 2, 1)]


def test_frauds_rise_where_two_windows_hold_more_than_those_before_explain():
    assert len(USUAL) == POOLED_WINDOWS - 2
    assert frauds_rose([*USUAL, window(9), window(8)]) is True
    assert frauds_rose([*USUAL, window(2), window(10)]) is True  # found with the first of the two
    assert frauds_rose([*USUAL, window(3), window(4)]) is False
    assert frauds_rose([*USUAL, window(0), window(0)]) is False


def test_frauds_count_whoever_says_so_and_whatever_was_decided():
    blocked = Quality(
        block=Outcomes(payments=500, analyst_fraud=8),
        review=Outcomes(payments=500, fraud=1, analyst_fraud=3),
    )
    assert frauds_rose([*USUAL, blocked, window(5)]) is True


def test_no_more_windows_count_than_are_judged_together():
    many = [window(9)] * POOLED_WINDOWS
    assert frauds_rose([*many, *USUAL, window(9), window(8)]) is True


CHARGEBACKS = [
    window(frauds, labelled=frauds) for frauds in (2, 1, 3, 2, 1, 2, 2, 3)
]  # nobody tells of the others


def test_where_frauds_alone_are_labelled_they_count_among_all_payments():
    assert frauds_rose(CHARGEBACKS) is False
    assert frauds_rose([*CHARGEBACKS, window(9, labelled=9), window(8, labelled=8)]) is True


def test_an_analyst_who_clears_a_payment_hides_no_rise():
    assert frauds_rose([*CHARGEBACKS, window(9, labelled=10), window(8, labelled=8)]) is True


def test_more_labels_at_the_same_rate_are_no_rise():
    tenth = [window(1, labelled=100)] * (POOLED_WINDOWS - 2)
    assert frauds_rose([*tenth, window(8), window(9)]) is False
    assert (
        frauds_rose([*CHARGEBACKS, window(9), window(8)]) is False
    )  # all that is known of before is frauds
    assert frauds_rose([*tenth, window(30), window(40)]) is True


def test_fewer_labels_are_no_rise():
    assert frauds_rose([*USUAL, window(1, labelled=100), window(0, labelled=100)]) is False
    assert frauds_rose([*USUAL, window(2, labelled=2), window(3, labelled=3)]) is False
    assert frauds_rose([*USUAL, window(9, labelled=9), window(8, labelled=8)]) is True


def test_payments_that_are_all_fraud_are_compared():
    assert frauds_rose([window(1_000)] * 5) is False


def test_windows_that_nobody_labelled_say_nothing():
    nothing = [window(0, labelled=0)] * 10
    assert frauds_rose([*nothing, window(5), window(6)]) is None
    assert frauds_rose([*nothing, *USUAL, window(9), window(8)]) is True
    assert frauds_rose([*nothing, *USUAL[:8], window(9), *nothing[:1], window(8)]) is True
    assert frauds_rose([*USUAL, window(9), window(8), *nothing[:1]]) is None
    assert frauds_rose([]) is None


def test_gauges_come_and_go_with_what_is_known():
    registry = CollectorRegistry()
    metrics = LabelMetrics(registry)
    assert "fraud_label_precision" not in generate_latest(registry).decode()
    found = quality(
        approve={LEGITIMATE: 3, FRAUD: 1}, review={FRAUD: 2, ANALYST_LEGITIMATE: 1}, block={None: 4}
    )
    metrics.show_quality(found, frauds_rose=None)
    value = registry.get_sample_value
    assert value("fraud_label_precision") == 2 / 3
    assert (value("fraud_label_precision_low"), value("fraud_label_precision_high")) == (
        found.precision.low,
        found.precision.high,
    )
    assert (value("fraud_label_recall"), value("fraud_labelled_share")) == (2 / 3, 1)
    assert value("fraud_label_payments", {"decision": "block", "truth": "unknown"}) == 4
    assert value("fraud_label_frauds_rose") is None
    metrics.show_quality(found, frauds_rose=True)
    assert value("fraud_label_frauds_rose") == 1
    metrics.show_quality(found, frauds_rose=False)
    assert value("fraud_label_frauds_rose") == 0
    metrics.show_quality(quality(approve={None: 5}), frauds_rose=None)
    page = generate_latest(registry).decode()
    assert "fraud_label_precision" not in page
    assert "fraud_label_recall" not in page
    assert "fraud_label_frauds_rose" not in page
    assert value("fraud_labelled_share") == 0
    assert page.count("fraud_label_payments{") == 9
