"""The alert store: the newest alerts and their labels."""

import json
from datetime import timedelta

import msgspec
import pytest
from support.data.alerts import LATER_MS, NOON, NOON_MS, make_alert, make_label
from support.data.transactions import CREDITCARD

from api.alert_store import WINDOWS, AlertStore, DriftWindow
from api.routes.alerts import Filter, _start
from api.routes.labels import LabelRequest, build_label
from payments.contract import Alert, Label
from payments.records import AlertRecord


def store(*alerts, size=10):
    filled = AlertStore(CREDITCARD, size)
    for i, item in enumerate(alerts):
        filled.add_alert(f"0-{i}", item, NOON_MS)
    return filled


def test_the_last_drift_windows_are_kept_once():
    kept = AlertStore(CREDITCARD)
    for number in [*range(WINDOWS + 5), *range(10, WINDOWS + 5)]:  # a feed that restarts
        kept.add_window(DriftWindow(number, 0.1, False, NOON))
    assert [window.window for window in kept.list_windows()] == list(range(5, WINDOWS + 5))


def names(items):
    return [item.alert.transaction_id for item in items]


def test_the_newest_come_first_and_the_oldest_are_dropped():
    assert names(
        store(make_alert("a", 1), make_alert("b", 3), make_alert("c", 2), size=2).list_items()
    ) == ["b", "c"]


class Unscanned(dict):
    def __iter__(self):
        raise AssertionError("a label must not cost a look at every alert")

    values = items = keys = __reversed__ = __iter__


def test_a_label_costs_the_same_however_many_alerts_are_held():
    filled = store(*(make_alert(f"t-{number}") for number in range(9)))
    filled._items = Unscanned(filled._items)
    filled.add_label(make_label("t-3"), LATER_MS)
    filled.add_label(make_label("unknown"), LATER_MS)
    assert filled.find("t-3").label.is_fraud
    assert filled.find("t-4").label is None
    assert filled.find("unknown") is None
    assert filled.find(None, "0-3").label.is_fraud
    assert filled.find(None, "9-9") is None


def test_dropped_alerts_leave_nothing_behind():
    filled = store(*(make_alert(f"t-{number % 5}", number) for number in range(40)), size=4)
    assert sorted(filled._items) == sorted(
        position for positions in filled._positions.values() for position in positions
    )
    filled.clear()
    assert filled.find("t-4") is None


def test_a_flood_drops_labelled_alerts_first_and_then_the_smallest_expected_loss():
    filled = store(
        *(
            make_alert(name, expected_loss=loss)
            for name, loss in (("dear", 900), ("judged", 800), ("middle", 700))
        ),
        size=6,
    )
    filled.add_label(make_label("judged"), LATER_MS)
    seen = filled.list_changes(0)[-1].change
    for i in range(20):
        flood = make_alert(f"flood-{i}", seconds=i + 1, expected_loss=20 - i)
        filled.add_alert(f"1-{i}", flood, NOON_MS)
        # A client of the stream gets each alert, however small.
        assert f"flood-{i}" in names(filled.list_changes(seen))
    assert set(names(filled.list_items())) == {
        "dear",
        "middle",
        "flood-0",
        "flood-17",
        "flood-18",
        "flood-19",
    }


def test_an_alert_that_is_read_twice_is_kept_once():
    filled = store(make_alert("a"))
    filled.add_label(make_label("a"), LATER_MS)
    filled.add_alert("0-0", make_alert("a"), NOON_MS)
    (item,) = filled.list_items()
    assert item.label.is_fraud


def test_the_latest_label_wins_in_any_order_of_arrival():
    filled = store(make_alert())
    for seconds, is_fraud in ((2, False), (1, True)):
        filled.add_label(make_label(seconds=seconds, is_fraud=is_fraud), LATER_MS)
    assert not filled.find("t").label.is_fraud


@pytest.mark.parametrize(
    ("source", "counts"), [("analyst", True), ("chargeback", True), ("replay", False)]
)
def test_only_labels_of_reviewers_count(source, counts):
    filled = store(make_alert())
    filled.add_label(make_label(source=source), LATER_MS)
    assert (filled.find("t").label is not None) == counts


@pytest.mark.parametrize("label_first", [True, False])
@pytest.mark.parametrize("chargeback_first", [True, False])
def test_an_analyst_never_erases_a_chargeback(chargeback_first, label_first):
    chargeback = make_label(source="chargeback"), LATER_MS
    labels = [chargeback, (make_label(seconds=90, is_fraud=False), LATER_MS + 90_000)]
    filled = store() if label_first else store(make_alert())
    for label, arrived_ms in labels if chargeback_first else labels[::-1]:
        filled.add_label(label, arrived_ms)
    if label_first:
        filled.add_alert("0-0", make_alert(), NOON_MS)
    assert filled.find("t").label.is_fraud
    filled.add_label(make_label(source="dispute_won", is_fraud=False), LATER_MS)
    assert not filled.find("t").label.is_fraud


def test_a_chargeback_for_goods_is_no_fraud():
    filled = store(make_alert())
    filled.add_label(make_label(source="chargeback", reason="goods not received"), LATER_MS)
    assert not filled.find("t").label.is_fraud


def test_a_label_of_version_1_counts_for_its_account():
    filled = store(make_alert())
    label = {"transaction_id": "t", "is_fraud": True, "labelled_at": "2026-01-31T12:00:00Z"}
    for account in ("acc-2", "acc-1"):
        assert filled.find("t").label is None
        value = json.dumps(label | {"account_id": account, "source": "chargeback"}).encode()
        filled.add_label(value, LATER_MS)
    assert filled.find("t").label.entities == {"account_id": "acc-1"}


def test_a_label_waits_for_its_alert():
    filled = AlertStore(CREDITCARD)
    filled.add_label(make_label("late", seconds=2, is_fraud=False), LATER_MS)
    filled.add_label(make_label("late", seconds=1), LATER_MS)
    filled.add_alert("0-0", make_alert("late"), NOON_MS)
    assert not filled.find("late").label.is_fraud


def test_labels_without_an_alert_are_bounded():
    filled = AlertStore(CREDITCARD, 2)
    for name in "abc":
        filled.add_label(make_label(name), LATER_MS)
        filled.add_alert(f"1-{name}", make_alert("other"), NOON_MS)
    filled.add_alert("0-0", make_alert("a"), NOON_MS)
    filled.add_alert("0-1", make_alert("c"), NOON_MS)
    assert filled.find("a").label is None
    assert filled.find("c").label is not None


def test_a_label_applies_to_all_alerts_of_its_transaction():
    filled = store(make_alert("twice"), make_alert("twice"), make_alert("once"))
    filled.add_label(make_label("twice"), LATER_MS)
    assert [item.label is not None for item in filled.list_changes(0)] == [False, True, True]


def test_a_label_dated_in_the_future_can_be_corrected():
    filled = store(make_alert())
    filled.add_label(make_label(seconds=75 * 365 * 86_400), LATER_MS)
    filled.add_label(make_label(seconds=61, is_fraud=False), LATER_MS + 1_000)
    assert not filled.find("t").label.is_fraud


def test_of_two_labels_with_the_same_date_the_later_one_wins():
    filled = store(make_alert())
    filled.add_label(make_label(seconds=1_000), LATER_MS)
    filled.add_label(make_label(seconds=2_000, is_fraud=False), LATER_MS)
    assert not filled.find("t").label.is_fraud


@pytest.mark.parametrize(
    ("account", "judged"),
    [("acc-1", [True, False]), ("acc-2", [False, True]), (None, [True, True])],
)
@pytest.mark.parametrize("label_first", [True, False])
def test_a_label_counts_for_its_own_account(account, judged, label_first):
    filled = AlertStore(CREDITCARD)
    label = make_label(account_id=account)
    if label_first:
        filled.add_label(label, LATER_MS)
    for n in (1, 2):
        filled.add_alert(f"0-{n}", make_alert(transaction={"account_id": f"acc-{n}"}), NOON_MS)
    if not label_first:
        filled.add_label(label, LATER_MS)
    labels = [filled.find("t", f"0-{n}").label for n in (1, 2)]
    assert [label is not None for label in labels] == judged


@pytest.mark.parametrize(
    ("source", "made", "is_judged"),
    [
        ("analyst", NOON - timedelta(hours=1), False),
        ("chargeback", NOON - timedelta(hours=1), True),  # the scorer was behind
        ("chargeback", NOON + timedelta(minutes=2), False),
    ],
)
@pytest.mark.parametrize("label_first", [True, False])
def test_a_label_is_not_about_a_later_alert(source, made, is_judged, label_first):
    filled = store(make_alert(seconds=-60))
    label = make_label(source=source)
    if label_first:
        filled.add_label(label, LATER_MS)
    filled.add_alert("0-9", make_alert(event_time=made.isoformat()), LATER_MS + 180_000)
    if not label_first:
        filled.add_label(label, LATER_MS)
    assert filled.find("t", "0-0").label is not None
    assert (filled.find("t", "0-9").label is not None) == is_judged


def test_list_changes_returns_what_changed_after_a_number():
    filled = store(make_alert("a"), make_alert("b"))
    seen = filled.list_changes(0)[-1].change
    assert filled.list_changes(seen) == []
    filled.add_label(make_label("a"), LATER_MS)
    filled.add_alert("0-9", make_alert("c"), NOON_MS)
    assert names(filled.list_changes(seen)) == ["a", "c"]


def test_a_stream_continues_where_its_client_stopped():
    filled = store(make_alert("a"), make_alert("b"), make_alert("c"))
    assert _start(filled, 0, None) == (3, [])
    assert names(_start(filled, 2, None)[1]) == ["b", "c"]
    assert _start(filled, 2, f"{filled.start}-1") == (1, [])


@pytest.mark.parametrize(
    "known", ["0badcafe-2", "", "2", "-", "x" * 5000, f"{'9' * 8}-{'9' * 5000}"]
)
def test_a_stream_restarts_for_the_id_of_another_process(known):
    assert _start(store(make_alert("a")), 0, known) == (0, [])


def test_an_encoded_item_is_the_unchanged_alert_with_its_label():
    raw = b'{"account_id" : "a\\u0062c", "Amount":1.50}'
    value = msgspec.json.encode(make_alert()).replace(b'{"account_id": "acc-1"}', raw)
    filled = store(msgspec.json.decode(value, type=AlertRecord))
    filled.add_label(make_label(), LATER_MS)
    encoded = filled.find("t").encode()
    assert raw in encoded
    assert Alert.model_validate_json(encoded).transaction_id == "t"
    assert Label.model_validate(json.loads(encoded)["label"], strict=False).labelled_by == "ana"
    assert json.loads(encoded)["position"] == "0-0"


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        ({}, True),
        ({"state": "open"}, True),
        ({"state": "judged"}, False),
        ({"decision": "review"}, True),
        ({"decision": "block"}, False),
        ({"min_amount": 100, "max_amount": 100}, True),
        ({"min_amount": 100.01}, False),
        ({"max_amount": 99.99}, False),
        ({"since": NOON}, True),
        ({"since": NOON + timedelta(seconds=1)}, False),
        ({"until": NOON}, False),
        ({"until": NOON + timedelta(seconds=1)}, True),
    ],
)
def test_a_filter(wanted, passes):
    assert Filter(**wanted).matches(store(make_alert()).find("t")) == passes


@pytest.mark.parametrize(
    ("transaction", "account"),
    [({"account_id": "acc-1"}, "acc-1"), ({}, None), ([], None), ({"account_id": 7}, None)],
)
def test_a_label_has_the_account_of_its_alert(transaction, account):
    item = store(make_alert(transaction=transaction)).find("t")
    record = build_label(item, LabelRequest(is_fraud=True, labelled_by="Ana"), NOON)
    entities = {} if account is None else {"account_id": account}
    assert (record.entities, record.transaction_id, record.source) == (entities, "t", "analyst")
    assert record.event_time == item.alert.event_time
    assert Label.model_validate_json(msgspec.json.encode(record)).labelled_by == "Ana"
