import json
import tracemalloc
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME
from hypothesis import example, given
from hypothesis import strategies as st
from support.data.transactions import CREDITCARD

import payments.schema.reading
from drift.labels.label_index import LabelIndex
from drift.labels.label_store import LabelStore, ScoredPayment
from drift.quality import Quality, Truth
from model.intervals import estimate_share
from payments.labels import LabelRules
from payments.schema.reading import SchemaError, parse_schema

FOLDER = Path(payments.schema.reading.__file__).parent / "builtin"
START = datetime(2026, 1, 31, tzinfo=UTC)
START_MS = int(START.timestamp() * 1000)
NOW_MS = 10**9  # all times in ms are since START
EVER = (0, NOW_MS)


class Record:
    """A message of `labels`, by default with the broker's timestamp."""

    def __init__(self, value, arrived_ms=0, timestamp_type=TIMESTAMP_LOG_APPEND_TIME):
        self._value, self._timestamp = value, (timestamp_type, START_MS + arrived_ms)

    def value(self):
        return self._value

    def timestamp(self):
        return self._timestamp

    def topic(self):
        return "labels"

    def partition(self):
        return 0

    def offset(self):
        return 7


RULES = LabelRules(CREDITCARD)


class Labels(LabelStore):
    def __init__(self, *arguments, **options):
        super().__init__(RULES, *arguments, **options)

    def add(self, messages, now_ms=NOW_MS):
        return super().add(messages, START_MS + now_ms)

    def truth(self, name, period=EVER, account=None, made=0, scored=0):
        payment = ScoredPayment(name, account, START_MS + made, START_MS + scored)
        return super().truth(payment, tuple(START_MS + bound for bound in period))

    def forget(self, before_ms):
        super().forget(START_MS + before_ms)


def label(payment, fraud=True, at=0, source="chargeback", arrived_ms=0, **changes):
    """Return a label given `at` seconds after a time that is long before START."""
    fields = {
        "transaction_id": payment,
        "entities": {},
        "event_time": "2026-01-30T23:00:00Z",
        "is_fraud": fraud,
        "labelled_at": (START + timedelta(seconds=at - 10_000)).isoformat(),
        "source": source,
    }
    return Record(json.dumps(fields | changes).encode(), arrived_ms)


def fill(order, index_ms):
    """Return the labels of payment "a", which arrive one second after the other, from the first."""
    labels = Labels(index_ms)
    labels.add(
        label("a", fraud, at, source, arrived_ms=1_000 * n)
        for n, (at, fraud, source) in enumerate(order, 1)
    )
    return labels


@given(
    st.permutations([(5, True, "analyst"), (9, False, "chargeback"), (7, True, "replay")]),
    st.integers(1, 3_000),
)
def test_the_last_labelled_at_wins_in_any_order_of_arrival(order, index_ms):
    labels = fill(order, index_ms)
    assert labels.truth("a", EVER) == Truth(fraud=False, full=True)
    assert labels.truth("b", EVER) is None


def test_a_chargeback_outlives_many_later_verdicts():
    labels = Labels(index_ms=10**6)
    labels.add([label("a")])
    labels.add(label("a", fraud=False, at=n, source="analyst", arrived_ms=n) for n in range(1, 99))
    assert labels.truth("a") == Truth(fraud=True, full=True)


@pytest.mark.parametrize(
    ("weaker", "stronger"),
    [
        ("analyst", "customer"),
        ("sample", "customer"),
        ("customer", "chargeback"),
        ("customer", "network_report"),
        ("customer", "replay"),
        ("chargeback", "dispute_won"),
    ],
)
def test_the_rank_of_the_source_comes_before_the_date(weaker, stronger):
    labels = Labels(1_000)
    labels.add([label("a", True, 5, stronger), label("a", False, 9, weaker)])
    labels.add([label("b", True, 9, weaker), label("b", False, 5, stronger)])
    assert (labels.truth("a").fraud, labels.truth("b").fraud) == (True, False)


def test_a_reason_that_is_no_fraud_gives_no_fraud():
    labels = Labels(1_000)
    labels.add([label("a", reason="goods not received"), label("b", reason="card stolen")])
    assert (labels.truth("a").fraud, labels.truth("b").fraud) == (False, True)


def test_a_schema_ranks_the_sources_and_lists_reasons(tmp_path):
    declared = """[labels]
rank = [["analyst"],
 ["chargeback", "network_report", "dispute_won", "customer", "sample", "replay"]]
no_fraud = ["lost parcel"]
"""
    text = (FOLDER / "creditcard.toml").read_text() + declared
    labels = LabelStore(LabelRules(parse_schema(text, "own.toml", tmp_path)), 1_000)
    records = [
        label("a", False, 5, "analyst"),
        label("a", True, 9),
        label("b", reason="lost parcel"),
    ]
    labels.add(records, START_MS)
    for name in "ab":
        payment = ScoredPayment(name, None, START_MS, START_MS)
        assert not labels.truth(payment, (START_MS, START_MS)).fraud
    for wrong in ('[["analyst"]]', '[["analyst"], []]', '[["rumour"]]'):
        with pytest.raises(SchemaError, match=r"own.toml:\d+: labels"):
            parse_schema(
                f"{text}".replace(declared, f"[labels]\nrank = {wrong}\n"), "own.toml", tmp_path
            )


def test_a_label_of_version_1_counts_for_its_account():
    labels = Labels(1_000)
    old = json.loads(label("a", account_id="one").value())
    del old["entities"], old["event_time"]
    assert labels.add([Record(json.dumps(old).encode())]) == 0
    assert labels.truth("a", account="one") == Truth(fraud=True, full=True)
    assert labels.truth("a", account="two") is None


def test_analysts_do_not_cover_all_payments():
    labels = Labels(1_000)
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
            (8, False, "analyst"),
            (7, False, "analyst"),
        ]
    ),
    st.integers(1, 4_000),
)
def test_a_full_source_counts_regardless_of_the_last_labeller(order, index_ms):
    labels = fill(order, index_ms)
    assert labels.truth("a", EVER) == Truth(fraud=False, full=True)  # no analyst erases it


@pytest.mark.parametrize("later_ms", [0, 5_000])
def test_analysts_who_confirm_alerts_later_do_not_change_recall(later_ms):
    labels = Labels(1_000)
    decisions = dict.fromkeys([f"alert-{n}" for n in range(8)], "review") | dict.fromkeys(
        ["missed-0", "missed-1"], "approve"
    )
    labels.add(label(payment, source="chargeback") for payment in decisions)
    labels.add(label(f"alert-{n}", at=60, source="analyst", arrived_ms=later_ms) for n in range(8))
    found = Quality()
    for payment, decision in decisions.items():
        found.count(decision, labels.truth(payment, EVER))
    assert found.recall == estimate_share(8, 10)
    labels.add([label("alert-0", fraud=False, at=90, source="analyst", arrived_ms=later_ms)])
    assert labels.truth("alert-0", EVER) == Truth(fraud=True, full=True)


@given(
    st.permutations([(5, True, "chargeback"), (9, False, "analyst"), (7, True, "analyst")]),
    st.integers(1, 4_000),
)
def test_labels_outside_the_period_are_ignored(order, index_ms):
    labels = fill(order, index_ms)
    assert labels.truth("a", (0, 999)) is labels.truth("a", (3_001, 9_999)) is None
    for n, (_, fraud, source) in enumerate(order, 1):
        assert labels.truth("a", (1_000 * n, 1_000 * n)) == Truth(fraud, source != "analyst")
    _, fraud, _ = max(order[:2], key=lambda label: (label[2] == "chargeback", label[0]))
    assert labels.truth("a", (0, 2_999)) == Truth(
        fraud, full="chargeback" in (order[0][2], order[1][2])
    )


def test_repeated_labels_of_one_payment_use_little_memory():
    labels = Labels(index_ms=10**6)
    labels.add(label("a", fraud=n == 999, at=n, arrived_ms=n) for n in range(1_000))
    assert len(labels) < 20
    assert len(labels) + labels.take_dropped() == 1_000
    assert labels.truth("a", EVER) == Truth(fraud=True, full=True)


def test_only_old_labels_are_forgotten():
    labels = Labels(index_ms=1_000)
    labels.add(label(f"p{at}", arrived_ms=at) for at in range(0, 10_000, 100))
    labels.forget(before_ms=4_500)
    assert labels.truth("p4500", EVER) is not None
    assert labels.truth("p3900", EVER) is None
    assert len(labels) == 60  # a whole index is forgotten at once


@pytest.mark.parametrize("pace_ms", [10, 0])
def test_memory_is_bounded_and_dropped_labels_are_counted(pace_ms):
    labels = Labels(index_ms=1_000, max_labels=250)
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
def test_an_index_behaves_like_a_dict_of_lists(put):
    index, expected = LabelIndex(0), defaultdict(list)
    for key, arrived in put:
        known = expected[key]
        added = index.put(key, arrived, -arrived)
        assert added == (len(known) < 16)
        if added:
            known.append((arrived, -arrived))
        elif arrived <= max(known)[0]:
            known[known.index(max(known))] = (arrived, -arrived)
    assert len(index) == sum(map(len, expected.values()))
    for key in [*expected, 37, 2**50 + 5]:
        assert list(index.get(key)) == expected[key]


def test_a_label_uses_as_much_memory_as_documented():
    tracemalloc.start()
    index = LabelIndex(0)
    for number in range(100_000):
        index.put(hash(str(number)) & (2**60 - 1), number, number)
    assert tracemalloc.get_traced_memory()[0] < 44 * 100_000
    tracemalloc.stop()


def test_labels_of_other_payments_are_not_kept():
    labels = Labels(index_ms=10, max_labels=16, only={"p-0", "p-99"})
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
def test_invalid_labels_are_counted_and_valid_ones_kept(value):
    labels = Labels(1_000)
    assert labels.add([label("a"), Record(value), label("b")]) == 1
    assert len(labels) == 2


FUTURE = "2099-01-01T00:00:00Z"


@pytest.mark.parametrize("timestamp_type", [TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME])
def test_a_label_dated_in_the_future_can_be_corrected(timestamp_type):
    labels = Labels(1_000)
    wrong = label("a", fraud=True, labelled_at=FUTURE).value()
    at = (START + timedelta(seconds=3)).isoformat()
    corrected = label("a", fraud=False, labelled_at=at).value()
    labels.add([Record(wrong, 2_000, timestamp_type), Record(corrected, 4_000, timestamp_type)])
    assert labels.truth("a") == Truth(fraud=False, full=True)


def test_a_sender_cannot_date_a_label_later_than_it_is_read():
    labels = Labels(1_000)
    wrong = label("a", fraud=True, labelled_at=FUTURE).value()
    labels.add([Record(wrong, 10**8, TIMESTAMP_CREATE_TIME)], now_ms=2_000)
    at = (START + timedelta(seconds=3)).isoformat()
    labels.add([label("a", fraud=False, labelled_at=at, arrived_ms=4_000)], now_ms=4_000)
    assert labels.truth("a", period=(0, 5_000)) == Truth(fraud=False, full=True)


@pytest.mark.parametrize("fraud", [True, False])
def test_of_two_labels_with_the_same_date_the_later_one_counts(fraud):
    labels = Labels(1_000)
    labels.add([label("a", fraud=not fraud, at=5), label("a", fraud=fraud, at=5)])
    assert labels.truth("a") == Truth(fraud=fraud, full=True)


def test_a_label_counts_for_its_own_account():
    labels = Labels(1_000)
    labels.add([label("a", entities={"account_id": "one"}), label("b")])
    assert labels.truth("a", account="one") == Truth(fraud=True, full=True)
    assert labels.truth("a", account="two") is labels.truth("a") is None
    assert labels.truth("b", account="one") == labels.truth("b") == Truth(fraud=True, full=True)


@pytest.mark.parametrize(
    ("source", "made", "scored", "counts"),
    [
        ("analyst", 1_000, 2_000, True),
        ("analyst", 1_000, 2_001, False),
        ("chargeback", 1_000, 9_000, True),  # the scorer was behind
        ("chargeback", 2_000, 9_000, True),
        ("chargeback", 2_001, 9_000, False),
    ],
)
def test_a_label_is_not_about_a_later_payment(source, made, scored, counts):
    labels = Labels(1_000)
    labels.add([label("a", source=source, arrived_ms=2_000)])
    assert (labels.truth("a", made=made, scored=scored) is not None) == counts
