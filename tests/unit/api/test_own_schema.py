"""The API with a schema of its own: nested, optional, minor units, categories, a secret."""

import contextlib
import json

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, assume, given, settings
from prometheus_client import CollectorRegistry
from support.data.alerts import LATER_MS, NOON_MS, make_label
from support.data.shop import (
    DECODER,
    IP,
    SCHEMA,
    SHOP,
    USUAL,
    VALUES,
    encode_payment,
    make_payment,
    make_shop_alert,
)
from support.fakes import NOW, FakeBus, FakeModel

from api.alert_feed import AlertFeed
from api.alert_store import AlertStore
from api.app import create_app
from api.background import Background
from api.dependencies import Dependencies
from api.routes.console import describe_schema
from payments.decoder import TransactionDecoder
from payments.features import FeatureEncoder
from payments.masking import HIDDEN
from payments.schema.reading import parse_schema
from streams.kafka.connection import Connection

NOWHERE = Connection("127.0.0.1:9")
HOST = {"Host": "127.0.0.1:8000"}
LABEL = {"is_fraud": True, "labelled_by": "Ana"}


def make_app(bus, folder, schema=SHOP):
    """Return an application whose background threads are not started."""
    decoder = TransactionDecoder(FeatureEncoder(schema, DECODER.encoder.categories))
    model = FakeModel(typical_ranges=USUAL, decoder=decoder)
    app = create_app(Dependencies(model, NOWHERE, bus, lambda: NOW, folder, CollectorRegistry()))
    store = AlertStore(schema)
    app.state.background = Background(store, AlertFeed(NOWHERE, store, CollectorRegistry()))
    app.state.background.feed.loaded.set()
    return app


def make_client(app):
    return TestClient(app, "http://127.0.0.1:8000", raise_server_exceptions=False)


@pytest.fixture
def bus():
    return FakeBus()


@pytest.fixture
def api(bus, tmp_path):
    return make_client(make_app(bus, tmp_path))


def test_a_payment_is_scored_with_reasons_of_every_kind(api):
    answer = api.post("/predict", content=encode_payment()).json()
    reasons = {reason["feature"]: reason for reason in answer["reasons"]}
    assert len(reasons) == 5
    assert {name: reason["value"] for name, reason in reasons.items()} == {
        name: VALUES[name] for name in reasons
    }
    assert reasons["country"]["usual"] == {"share": 0.021}
    assert reasons["hour"]["usual"] == [7.0, 22.0]


@pytest.mark.parametrize("path", ["/predict", "/transactions"])
@pytest.mark.parametrize(
    ("change", "loc"),
    [
        ({"paid_at": "2026-01-03T22:00:00Z"}, ["paid_at"]),
        ({"paid_at": None}, ["paid_at"]),
        ({"total": 12.5}, ["total"]),
        ({"attempts": "3"}, ["attempts"]),
        ({"new_device": 1}, ["new_device"]),
        ({"payer": {"country": 7}}, ["payer", "country"]),
    ],
)
def test_what_is_wrong_is_named_by_its_path(api, bus, path, change, loc):
    answer = api.post(path, content=encode_payment(**change))
    assert answer.status_code == 422
    assert [error["loc"] for error in answer.json()["detail"]] == [["body", *loc]]
    assert bus.published == []


def test_a_time_out_of_range_is_named(api):
    [error] = api.post("/transactions", content=encode_payment(paid_at=1e300)).json()["detail"]
    assert error["msg"].startswith("paid_at is out of the years")


def test_a_transaction_is_published_with_its_entity_as_the_key(api, bus):
    value = encode_payment()
    assert api.post("/transactions", content=value).json() == {"transaction_id": "p-1"}
    assert bus.published == [("transactions", b"card-7", value)]


def test_the_openapi_schema_describes_payments_reasons_and_alerts(api):
    described = api.get("/openapi.json").json()
    assert "$defs" not in json.dumps(described)
    schemas = described["components"]["schemas"]
    types = {kind["type"] for kind in schemas["Reason"]["properties"]["value"]["anyOf"]}
    assert types == {"number", "string", "null"}
    for name, reason in (("Score", "Reason"), ("ListedAlert", "KeptReason")):
        reasons = schemas[name]["properties"]["reasons"]["items"]
        assert reasons == {"$ref": f"#/components/schemas/{reason}"}
    body = described["paths"]["/transactions"]["post"]["requestBody"]["content"]
    payer = body["application/json"]["schema"]["properties"]["payer"]
    assert payer["properties"].keys() == {"card", "country", "ip"}
    assert api.post("/transactions", json=body["application/json"]["example"]).status_code == 202


@contextlib.asynccontextmanager
async def start_nothing(_):
    yield


@pytest.mark.parametrize("path", ["/predict", "/transactions"])
def test_schemathesis_finds_nothing(bus, tmp_path, path):
    app = make_app(bus, tmp_path)
    app.router.lifespan_context = start_nothing
    operation = schemathesis.openapi.from_asgi("/openapi.json", app, headers=HOST)[path]["POST"]

    @settings(
        max_examples=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy())
    def check(case):
        # JSON Schema takes 12.0 for an integer, and the decoder does not
        assume(not isinstance(case.body, dict) or not isinstance(case.body.get("total"), float))
        case.call_and_validate(headers=HOST)

    check()


def test_an_alert_is_listed_without_its_secret_and_a_label_has_its_entity(api, bus):
    store = api.app.state.background.store
    store.add_alert("0-0", make_shop_alert(), NOON_MS)
    [listed] = api.get("/alerts").json()
    assert listed["transaction"] == make_payment(payer={"ip": HIDDEN})
    assert {reason["feature"]: reason["value"] for reason in listed["reasons"]} == VALUES
    answer = api.post("/alerts/p-1/label", json=LABEL)
    [(topic, key, value)] = bus.published
    assert (topic, key, json.loads(value)["entities"]) == ("labels", b"card-7", {"card": "card-7"})
    assert answer.json() == json.loads(value)


def test_a_secret_entity_is_in_the_label_and_not_on_view(bus, tmp_path):
    secret = SCHEMA.replace('name = "card"', 'name = "card", secret = true')
    api = make_client(make_app(bus, tmp_path, parse_schema(secret, "shop.toml", tmp_path)))
    store = api.app.state.background.store
    store.add_alert("0-0", make_shop_alert(), NOON_MS)
    answer = api.post("/alerts/p-1/label", json=LABEL)
    [(_, key, value)] = bus.published
    assert (key, json.loads(value)["entities"]) == (b"card-7", {"card": "card-7"})
    assert answer.json()["entities"] == {"card": HIDDEN}
    store.add_label(make_label("p-1", card="card-8"), LATER_MS)
    assert api.get("/alerts").json()[0]["label"] is None
    store.add_label(make_label("p-1", card="card-7"), LATER_MS)
    [listed] = api.get("/alerts").json()
    assert listed["label"]["entities"] == {"card": HIDDEN}
    assert listed["transaction"]["payer"]["card"] == HIDDEN
    assert "card-7" not in json.dumps(listed)


def test_the_page_gets_how_to_show_the_schema(api):
    names = json.loads(
        api.get("/console/names.js").text.removeprefix("export const NAMES = ").removesuffix(";\n")
    )
    assert names["new_device"] == "new device"
    assert names["hour"] == "hour of the day"
    shown = describe_schema(SHOP)
    assert [field["name"] for field in shown["fields"]] == [
        "card",
        "country",
        "attempts",
        "new device",
        "IP address",
        "note",
    ]
    assert shown["fields"][0]["path"] == ["payer", "card"]
    assert IP not in api.get("/console/schema.js").text
