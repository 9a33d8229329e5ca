"""The alert store: the newest alerts and their labels."""

import json
from datetime import timedelta

import msgspec
import pytest
from support.data.alerts import NOON, make_alert, make_label

from api.alert_store import WINDOWS, AlertStore, DriftWindow
from api.routes.alerts import Filter, _start
from api.routes.labels import LabelRequest, build_label
from payments.contract import Alert, Label
from payments.records import AlertRecord


def store(*alerts, size=10):
    filled = AlertStore(size)
    for i, item in enumerate(alerts):
        filled.add_alert(f"0-{i}", item)
    return filled


def test_the_last_drift_windows_are_kept_once():
    kept = AlertStore()
    for number in [*range(WINDOWS + 5), *range(10, WINDOWS + 5)]:  # a feed that restarts
        kept.add_window(DriftWindow(number, 0.1, False, NOON))
    assert [window.window for window in kept.list_windows()] == list(range(5, WINDOWS + 5))


def names(items):
    return [item.alert.transaction_id for item in items]


def test_the_newest_come_first_and_the_oldest_are_dropped():
    assert names(
        store(make_alert("a", 1), make_alert("b", 3), make_alert("c", 2), size=2).list_items()
    ) == ["b", "c"]


def test_a_flood_drops_labelled_alerts_first_and_then_the_smallest_expected_loss():
    filled = store(
        *(
            make_alert(name, expected_loss=loss)
            for name, loss in (("dear", 900), ("judged", 800), ("middle", 700))
        ),
        size=6,
    )
    filled.add_label(make_label("judged"))
    seen = filled.list_changes(0)[-1].change
    for i in range(20):
        filled.add_alert(f"1-{i}", make_alert(f"flood-{i}", seconds=i + 1, expected_loss=20 - i))
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
    filled.add_label(make_label("a"))
    filled.add_alert("0-0", make_alert("a"))
    (item,) = filled.list_items()
    assert item.label.is_fraud


def test_the_latest_label_wins_in_any_order_of_arrival():
    filled = store(make_alert())
    for seconds, is_fraud in ((2, False), (1, True)):
        filled.add_label(make_label(seconds=seconds, is_fraud=is_fraud))
    assert not filled.find("t").label.is_fraud


@pytest.mark.parametrize(
    ("source", "counts"), [("analyst", True), ("chargeback", True), ("replay", False)]
)
def test_only_labels_of_reviewers_count(source, counts):
    filled = store(make_alert())
    filled.add_label(make_label(source=source))
    assert (filled.find("t").label is not None) == counts


def test_a_label_waits_for_its_alert():
    filled = AlertStore()
    filled.add_label(make_label("late", seconds=2, is_fraud=False))
    filled.add_label(make_label("late", seconds=1))
    filled.add_alert("0-0", make_alert("late"))
    assert not filled.find("late").label.is_fraud


def test_labels_without_an_alert_are_bounded():
    filled = AlertStore(2)
    for name in "abc":
        filled.add_label(make_label(name))
        filled.add_alert(f"1-{name}", make_alert("other"))
    filled.add_alert("0-0", make_alert("a"))
    filled.add_alert("0-1", make_alert("c"))
    assert filled.find("a").label is None
    assert filled.find("c").label is not None


def test_a_label_applies_to_all_alerts_of_its_transaction():
    filled = store(make_alert("twice"), make_alert("twice"), make_alert("once"))
    filled.add_label(make_label("twice"))
    assert [item.label is not None for item in filled.list_changes(0)] == [False, True, True]


def test_list_changes_returns_what_changed_after_a_number():
    filled = store(make_alert("a"), make_alert("b"))
    seen = filled.list_changes(0)[-1].change
    assert filled.list_changes(seen) == []
    filled.add_label(make_label("a"))
    filled.add_alert("0-9", make_alert("c"))
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
    filled.add_label(make_label())
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
    record = build_label(
        make_alert(transaction=transaction), LabelRequest(is_fraud=True, labelled_by="Ana"), NOON
    )
    assert (record.account_id, record.transaction_id, record.source) == (account, "t", "analyst")
    assert Label.model_validate_json(msgspec.json.encode(record)).labelled_by == "Ana"
