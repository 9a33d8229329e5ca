"""The routes of alerts, on a store filled by hand and a fake bus."""

import json
from dataclasses import replace
from urllib.parse import quote

import msgspec
import pytest
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry
from support.data.alerts import LATER_MS, NOON_MS, make_alert, make_label
from support.data.transactions import CREDITCARD
from support.fakes import NOW, FakeBus, FakeModel, FakeRecord

from api.alert_feed import AlertFeed
from api.alert_store import AlertStore
from api.app import create_app
from api.background import Background
from api.dependencies import Dependencies
from model.manifest import ReasonPattern
from payments.contract import INPUTS
from payments.display import Display
from streams.kafka.connection import Connection

LABEL = {"is_fraud": True, "labelled_by": "Ana"}
NOWHERE = Connection("127.0.0.1:9")
DISPLAY = Display(CREDITCARD)


@pytest.fixture
def bus():
    return FakeBus()


@pytest.fixture
def background():
    store = AlertStore(CREDITCARD)
    shown = Background(store, AlertFeed(NOWHERE, store, CollectorRegistry()))
    shown.feed.loaded.set()
    return shown


@pytest.fixture
def api(bus, background, tmp_path):
    """A client of an application whose background threads are not started."""
    app = create_app(
        Dependencies(FakeModel(), NOWHERE, bus, lambda: NOW, tmp_path, CollectorRegistry())
    )
    app.state.background = background
    return TestClient(app, "http://127.0.0.1:8000")


def put(background, *alerts):
    for i, item in enumerate(alerts):
        background.store.add_alert(f"0-{i}", item, NOON_MS)


def test_alerts_are_listed_newest_first_and_filtered(api, background):
    put(
        background,
        make_alert("a", 1, amount=10),
        make_alert("b", 2, amount=20),
        make_alert("c", 3, amount=30),
    )
    background.store.add_label(make_label("b"), LATER_MS)

    def names(**wanted):
        return [item["transaction_id"] for item in api.get("/alerts", params=wanted).json()]

    assert names() == ["c", "b", "a"]
    assert names(limit=2, state="open") == ["c", "a"]
    assert names(min_amount=15, max_amount=25) == ["b"]
    assert names(since="2026-01-31T13:00:02+01:00", until="2026-01-31T12:00:03Z") == ["b"]
    assert api.get("/alerts", params={"state": "judged"}).json()[0]["label"]["labelled_by"] == "ana"


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 2001},
        {"limit": 0},
        {"since": "2026-01-31"},
        {"min_amount": "nan"},
        {"decision": "approve"},
        {"x": 1},
    ],
)
def test_an_invalid_filter_is_refused_by_name(api, wrong):
    answer = api.get("/alerts", params=wrong)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][-1] == next(iter(wrong))


@pytest.mark.parametrize("recent", ["-1", "2001", "x", ""])
def test_a_stream_with_an_invalid_start_is_refused(api, recent):
    answer = api.get("/alerts/stream", params={"recent": recent})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["query", "recent"])


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/alerts"), ("GET", "/alerts/stream"), ("POST", "/alerts/t/label")]
)
def test_alerts_are_a_503_until_loaded(api, background, method, path):
    background.feed.loaded.clear()
    background.feed.problem = "no broker answers"
    answer = api.request(method, path, json=LABEL if method == "POST" else None)
    assert answer.status_code == 503
    assert "no broker answers" in answer.json()["detail"]


@pytest.mark.parametrize(
    "name",
    ["t-1", "a/b", "<script>", "stream", "?x=1#y", "100%", "\u00fc \U0001f4b6", "label/label"],
)
def test_a_label_is_published_for_any_transaction_id(api, background, bus, name):
    put(background, make_alert(name))
    answer = api.post(f"/alerts/{quote(name, safe='')}/label", json=LABEL)
    label = {
        "transaction_id": name,
        "entities": {"account_id": "acc-1"},
        "event_time": "2013-09-01T00:00:07Z",
        "is_fraud": True,
        "source": "analyst",
        "labelled_by": "Ana",
    }
    assert (answer.status_code, answer.json()) == (
        202,
        label | {"labelled_at": "2026-01-02T03:04:05Z"},
    )
    ((topic, key, value),) = bus.published
    assert (topic, key, json.loads(value)) == ("labels", b"acc-1", answer.json())


def test_a_label_of_a_transaction_without_an_account_has_its_id_as_key(api, background, bus):
    put(background, make_alert("t-1", transaction={}))
    api.post("/alerts/t-1/label", json=LABEL)
    assert [key for _, key, _ in bus.published] == [b"t-1"]


@pytest.mark.parametrize("name", [".", "..", "a/../b"])
def test_an_id_that_no_path_can_hold_is_labelled_by_its_position(api, background, bus, name):
    put(background, make_alert(name))
    [item] = background.store.list_items()
    answer = api.post("/alerts/label", json=LABEL | {"position": item.position})
    assert (answer.status_code, answer.json()["transaction_id"]) == (202, name)
    assert api.post("/alerts/label", json=LABEL | {"position": "7-7"}).status_code == 404
    assert api.post("/alerts/label", json=LABEL).status_code == 422
    assert len(bus.published) == 1


def test_an_unknown_alert_cannot_be_labelled(api, bus):
    assert api.post("/alerts/t-1/label", json=LABEL).status_code == 404
    assert bus.published == []


def test_a_label_that_kafka_does_not_confirm_is_not_accepted(api, background, bus):
    put(background, make_alert("t-1"))
    bus.away = True
    answer = api.post("/alerts/t-1/label", json=LABEL)
    assert (answer.status_code, answer.json()) == (
        503,
        {"detail": "not confirmed: no broker answers"},
    )


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("is_fraud", 1),
        ("is_fraud", None),
        *(("labelled_by", name) for name in ("", " ", 129 * "x")),
    ],
)
def test_a_label_needs_a_verdict_and_a_name(api, background, bus, field, wrong):
    put(background, make_alert("t-1"))
    answer = api.post("/alerts/t-1/label", json=LABEL | {field: wrong})
    assert (answer.status_code, [error["loc"][-1] for error in answer.json()["detail"]]) == (
        422,
        [field],
    )
    assert bus.published == []


def test_the_precision_of_labelled_alerts_has_an_interval(api, background):
    put(background, *(make_alert(name) for name in "abcde"))
    assert api.get("/console/vitals").json()["precision"] == {
        "judged": 0,
        "value": None,
        "low": None,
        "high": None,
    }
    for name, is_fraud in (("a", True), ("b", True), ("c", True), ("d", False)):
        background.store.add_label(make_label(name, is_fraud=is_fraud), LATER_MS)
    # Wilson's interval of 3 in 4, as computed by hand with z = 1.959964
    expected = {
        "judged": 4,
        "value": 0.75,
        "low": pytest.approx(0.3006, abs=1e-4),
        "high": pytest.approx(0.9544, abs=1e-4),
    }
    assert api.get("/console/vitals").json()["precision"] == expected


def test_the_page_loads_only_its_own_files(api):
    answer = api.get("/console")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe-inline" not in policy
    assert "<script>" not in answer.text
    assert " style=" not in answer.text
    assert "//" not in answer.text.replace("/console/static/", "")


def test_the_page_gets_the_display_names_of_features(api):
    answer = api.get("/console/names.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    named = json.loads(answer.text.removeprefix("export const NAMES = ").removesuffix(";\n"))
    assert named == {feature: DISPLAY.shorten_name(feature) for feature in INPUTS}
    assert named["V14"] == "component 14"


def test_the_page_gets_the_patterns_of_reasons_in_training(api):
    dependencies = api.app.state.dependencies
    pattern = ReasonPattern(features=("V4", "V10", "Amount"), alerts=15, frauds=1)
    api.app.state.dependencies = replace(dependencies, patterns=(pattern,))
    text = api.get("/console/patterns.js").text
    assert text == 'export const PATTERNS = {"Amount,V10,V4":[15,1]};\n'


class Record(FakeRecord):
    def topic(self):
        return "alerts"


def test_a_card_number_in_a_transactions_own_field_is_masked(background):
    alert = make_alert("t-1")
    alert.transaction = msgspec.Raw(b'{"account_id":"acc-1","pan":"4111111111111111","a":1.50}')
    background.feed._handle([Record(msgspec.json.encode(alert), 0)])
    [item] = background.store.list_items()
    assert bytes(item.alert.transaction) == (
        b'{"account_id":"acc-1","pan":"411111******1111","a":1.5}'
    )
    assert item.entities == {"account_id": "acc-1"}


@pytest.mark.parametrize("value", [None, b"", b"{}", b"\xff", b'{"transaction_id": 7}'])
def test_invalid_alerts_are_skipped(background, value):
    good = msgspec.json.encode(make_alert("good"))
    background.feed._handle(
        [Record(value, 0), Record(good, 1), Record(good.replace(b"acc-1", b"\xff"), 2)]
    )
    assert [item.position for item in background.store.list_items()] == ["0-1"]
