"""docs/contract is current, valid, and compatible with `released/`, contract version 2."""

import copy
import json
import math
from pathlib import Path

import jsonschema
import msgspec
import pytest
import yaml
from support.data.transactions import DECODER

from docs.contract import generate, messages
from payments import contract, records

FOLDER = Path(__file__).parent / "released"
VERSION_1 = generate.FOLDER / "v1"
RELEASED = {path.stem: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}
# the official schema, from the package @asyncapi/specs 6.11.1
ASYNCAPI = Path(__file__).parent / "asyncapi-3.0.0" / "schema.json"
RELEASED_PAGE = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text())
WRITTEN_BY_OTHERS = {"transaction", "label"}
READ_BY_OTHERS = set(RELEASED) - {"transaction"}
ANNOTATIONS = ("title", "description", "default")
NESTED = ("properties", "required", "anyOf", "$defs")  # compared separately
MAY_GROW = ("max.message.bytes", "retention.ms")
INFORMATIVE = ("info", "servers", "description", "summary", "examples")  # no client needs them


def list_objects(schema):
    """Return the objects that a schema declares, by name; the root's name is empty."""
    return schema.get("$defs", {}) | {"": schema}


def strip_annotations(schema):
    """Return a schema without the keys that only describe."""
    if isinstance(schema, dict):
        return {
            key: strip_annotations(value) for key, value in schema.items() if key not in ANNOTATIONS
        }
    return [strip_annotations(item) for item in schema] if isinstance(schema, list) else schema


def get_own_rules(schema):
    """Return the rules of a schema for its value, without those for its parts."""
    return {key: value for key, value in strip_annotations(schema).items() if key not in NESTED}


def find_page_breaks(old, new, path=""):
    """Return what could break a client of the old page: changes, removals, lower limits."""
    found = []
    for key, before in old.items():
        after = new.get(key)
        if key in INFORMATIVE:
            continue
        # the description of a record's key is its rule
        if isinstance(before, dict) and key != "key":
            found += find_page_breaks(before, after or {}, f"{path}{key}/")
        elif after is None or (after < before if key in MAY_GROW else after != before):
            found.append(f"{path}{key} was {before}, is {after}")
    return found


def find_breaks(name, old, new):
    """Return what could break a client that relies on `old`."""
    found = []
    for part, before in list_objects(old).items():
        after = list_objects(new).get(part, {})
        for field, declared in before.get("properties", {}).items():
            if strip_annotations(after.get("properties", {}).get(field)) != strip_annotations(
                declared
            ):
                found.append(f"{name} {part}: {field} was removed or has another type")
        found += [
            f"{name} {part}: {kind} was removed"
            for kind in before.get("anyOf", [])
            if kind not in after.get("anyOf", [])
        ]
        if get_own_rules(before) != get_own_rules(after):
            found.append(f"{name} {part}: has another type or stricter rules")
        was, now = (set(side.get("required", ())) for side in (before, after))
        if name in WRITTEN_BY_OTHERS and now - was:
            found.append(f"{name} {part}: {sorted(now - was)} is required now")
        if name in READ_BY_OTHERS and was - now:
            found.append(f"{name} {part}: {sorted(was - now)} may be missing now")
    return found


def test_the_files_are_what_the_code_declares():
    paths = [path for suffix in ("json", "yaml") for path in generate.FOLDER.rglob(f"*.{suffix}")]
    assert {
        str(path.relative_to(generate.FOLDER)): path.read_text()
        for path in paths
        if VERSION_1 not in path.parents
    } == generate.render_files()


@pytest.mark.parametrize("name", sorted(messages.make_examples()))
def test_an_example_is_valid(name):
    schema = messages.make_schemas()[name if name in messages.make_schemas() else "drift-event"]
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    assert [
        error.message for error in validator.iter_errors(json.loads(messages.make_examples()[name]))
    ] == []


def test_the_example_transaction_is_scored():
    decoded, _ = DECODER.decode_one(messages.make_examples()["transaction"])
    assert decoded.key == "account-7"


def test_the_example_alert_adds_up():
    alert = contract.Alert.model_validate_json(messages.make_examples()["alert"])
    contributions = [reason.contribution for reason in alert.reasons]
    total = alert.base + sum(contributions) + alert.rest
    assert total == pytest.approx(alert.margin, abs=1e-4)
    assert alert.probability == pytest.approx(1 / (1 + math.exp(-alert.margin)), abs=1e-6)
    assert alert.decision == "block"
    assert alert.probability >= alert.thresholds.block


def test_the_schemas_are_compatible_with_the_released_ones():
    now = messages.make_schemas()
    assert [
        line for name, old in RELEASED.items() for line in find_breaks(name, old, now.get(name, {}))
    ] == []


def test_the_page_is_valid_asyncapi():
    validator = jsonschema.Draft7Validator(json.loads(ASYNCAPI.read_text()))
    page = generate.describe_topics()
    assert [(list(error.path), error.message) for error in validator.iter_errors(page)] == []
    page["operations"]["send-alert"]["action"] = "publish"  # a term of AsyncAPI 2
    assert not validator.is_valid(page)


def test_the_page_is_compatible_with_the_one_released():
    assert find_page_breaks(RELEASED_PAGE, generate.describe_topics()) == []


def require_field(schema, field):
    schema["properties"][field] = {"type": "string"}
    schema["required"].append(field)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("transaction", lambda schema: require_field(schema, "country")),
        ("label", lambda schema: require_field(schema, "country")),
        ("prediction", lambda schema: schema["properties"].pop("probability")),
        (
            "alert",
            lambda schema: schema["$defs"]["Reason"]["properties"]["label"].update(type="number"),
        ),
        ("alert", lambda schema: schema["required"].remove("margin")),
        ("transaction", lambda schema: schema["properties"]["Amount"].update(minimum=1)),
        ("drift-event", lambda schema: schema["$defs"].pop("WindowLabelled")),
        ("dead-letter-headers", lambda schema: schema["properties"].pop("error.kind")),
        ("drift-event", lambda schema: schema["anyOf"].pop()),
        ("drift-event", lambda schema: schema.update(discriminator={"propertyName": "kind"})),
        ("transaction", lambda schema: schema.update(additionalProperties=False)),
    ],
)
def test_a_break_of_a_schema_is_found(name, change):
    changed = copy.deepcopy(RELEASED[name])
    change(changed)
    assert len(find_breaks(name, RELEASED[name], changed)) > 0


def get_kafka(page, channel):
    return page["channels"][channel]["bindings"]["kafka"]


@pytest.mark.parametrize(
    "change",
    [
        lambda page: page["channels"].pop("labels"),
        lambda page: page["channels"]["alerts"].update(address="fraud.alerts"),
        lambda page: page["channels"]["alerts"].update(messages={}),
        lambda page: page["operations"]["send-alert"].update(action="receive"),
        lambda page: get_kafka(page, "transactions").update(partitions=4),
        lambda page: get_kafka(page, "transactions")["topicConfiguration"].update(
            {"max.message.bytes": 65_536}
        ),
        lambda page: get_kafka(page, "labels")["topicConfiguration"].update({"retention.ms": 1}),
        lambda page: page["components"]["messages"]["alert"]["bindings"]["kafka"]["key"].update(
            description="whatever"
        ),
        lambda page: page["components"]["messages"]["alert"].update(
            payload={"$ref": "schemas/prediction.json"}
        ),
        lambda page: page["components"]["messages"]["dead-letter"].update(
            contentType="application/json"
        ),
    ],
)
def test_a_break_of_the_page_is_found(change):
    changed = copy.deepcopy(RELEASED_PAGE)
    change(changed)
    assert len(find_page_breaks(RELEASED_PAGE, changed)) > 0


def test_a_new_topic_and_a_larger_limit_break_nothing():
    changed = copy.deepcopy(RELEASED_PAGE)
    changed["channels"]["payments"] = changed["channels"]["alerts"]
    get_kafka(changed, "labels")["topicConfiguration"]["retention.ms"] *= 2
    assert find_page_breaks(RELEASED_PAGE, changed) == []


def test_a_new_field_breaks_nothing():
    changed = copy.deepcopy(RELEASED["alert"])
    require_field(changed, "country")
    assert find_breaks("alert", RELEASED["alert"], changed) == []


@pytest.mark.parametrize("name", ["prediction", "alert"])
def test_the_example_of_version_1_is_valid(name):
    schema = json.loads((VERSION_1 / f"schemas/{name}.json").read_text())
    jsonschema.validate(json.loads((VERSION_1 / f"examples/{name}.json").read_text()), schema)


def test_alerts_of_version_1_are_still_read():
    value = (VERSION_1 / "examples/alert.json").read_bytes()
    alert = msgspec.json.decode(value, type=records.KeptAlertRecord)
    assert (alert.contract, alert.source, alert.reasons[0].label) == (None, None, None)
    assert json.loads(msgspec.json.encode(alert)) == json.loads(value)


def test_every_reference_of_the_page_resolves():
    page = yaml.safe_load((generate.FOLDER / "asyncapi.yaml").read_text())
    assert page == generate.describe_topics()
    references = []

    def collect(value):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            references.extend([item] if key == "$ref" else [])
            if isinstance(item, dict | list):
                collect(item)

    collect(page)
    files = {reference for reference in references if not reference.startswith("#/")}
    assert [name for name in files if not (generate.FOLDER / name).exists()] == []
    for reference in set(references) - files:
        part = page
        for step in reference[2:].split("/"):
            part = part[step]
