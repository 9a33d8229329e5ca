"""Schema files: what they may say, what follows, and what is wrong with a bad one."""

import re
from importlib.resources import files

import pytest

from payments.schema.reading import BUILTIN, SchemaError, parse_schema, read_schema

TEXTS = {name: (files("payments.schema") / f"builtin/{name}.toml").read_text() for name in BUILTIN}
CARDS = TEXTS["cards"]


def find_problems(text, folder):
    with pytest.raises(SchemaError) as caught:
        parse_schema(text, "x.toml", folder)
    return str(caught.value).splitlines()


def test_creditcard_has_the_columns_of_the_file():
    schema = read_schema("creditcard")
    assert [feature.name for feature in schema.features] == [
        *(f"V{number}" for number in range(1, 29)),
        "Amount",
    ]
    assert (schema.features[13].label, schema.features[28].label) == ("component 14", "amount")


def test_cards_names_its_features_in_words():
    labels = {feature.name: feature.label for feature in read_schema("cards").features}
    assert len(labels) == 37
    assert labels["account_id.count.1h"] == "payments of this account in the last hour"
    assert (
        labels["account_id+merchant_id.count.30d"]
        == "payments of this account and merchant in the last 30 days"
    )
    assert (
        labels["terminal_id.risk.1d@7d"]
        == "share of frauds of this terminal in the day that ended 7 days ago"
    )


@pytest.mark.parametrize("name", BUILTIN)
def test_the_version_depends_on_what_is_declared_only(name, tmp_path):
    text = TEXTS[name]
    version = read_schema(name).version
    assert re.fullmatch("[0-9a-f]{12}", version)
    assert parse_schema(f"# a comment\n{text}\n", "x.toml", tmp_path).version == version
    changed = text.replace("decimals = 2", "decimals = 3")
    assert parse_schema(changed, "x.toml", tmp_path).version != version


def test_listed_values_are_part_of_the_version(tmp_path):
    text = CARDS.replace('values = ["EUR", "USD", "GBP", "CHF"]', 'values = "file:currencies.txt"')
    versions = set()
    for listed in ("EUR\nUSD\n", "EUR\nUSD\nGBP\n"):
        (tmp_path / "currencies.txt").write_text(listed)
        schema = parse_schema(text, "x.toml", tmp_path)
        assert schema.declaration.fields["currency"].values == listed.split()
        versions.add(schema.version)
    assert len(versions) == 2


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('type = "id"', 'type = "ident"', "13: fields.transaction_id.type: input should be"),
        ("decimals = 2", "decimal = 2", "19: fields.amount.decimal: there is no such key"),
        ('key = "account_id"', 'key = "acc"', "7: roles.key: acc is not declared in [fields]"),
        ('key = "account_id"', 'key = "mcc"', "7: roles.key: mcc has type category; it needs ent"),
        ('label = "is_fraud"', 'label = "mcc"', "9: roles.label: mcc is a field of the stream"),
        ('delay = "7d"', "", "57: features.risk: it needs a `delay`"),
        ('delay = "7d"', 'delay = "0s"', "57: features.risk: it needs a `delay`"),
        ('"5m"', '"5x"', '34: features.velocity.windows: "5x" is no span of time'),
        ('"5m"', '"0m"', "34: features.velocity.windows: a window cannot be empty"),
        ('"5m"', '"999d"', '34: features.velocity.windows: "999d" is longer than 366 days'),
        ('"5m"', '"1h"', "26: features: the feature account_id.count.1h is declared 2 times"),
        ("[features]\n", "[features", "26: Expected"),
        ('"Europe/Brussels"', '"Europe"', '30: features.timezone: "Europe" is no time zone'),
        ('["count", "mean"]', '["median"]', "55: features.velocity.measures: input should be"),
        ('type = "time"', 'type = "time", unit = "minor"', "14: fields.event_time: the unit of"),
        ('type = "time"', 'type = "time", optional = true', "14: fields.event_time.optional: the"),
        ('type = "entity", name = "merchant"', 'type = "id"', "16: fields.merchant_id: only the"),
        ('numbers = ["amount"]', 'numbers = ["x"]', "27: features.numbers: x is not declared"),
        ('distinct = "merchant_id"', 'distinct = "amount"', "40: features.velocity.distinct: "),
        ('since_last = true\nratio_to_mean = "30d"', "", "42: features.velocity: it has no feat"),
        ("ip = {", 'ip = { path = "amount.ip",', "24: fields.ip: amount.ip overlaps with"),
        (
            "ip = {",
            'ip = { file = "MCC",',
            "24: fields.ip: its column in files, MCC, is that of mcc",
        ),
        ('"labelled_at"', '"Is_fraud"', "10: roles.labelled_at: its column"),
        ("[roles]", "[rolls]", "1: roles: it is missing"),
        ('["EUR", "USD", "GBP", "CHF"]', '"file:none.txt"', "20: fields.currency.values: "),
    ],
)
def test_a_problem_is_named_with_its_line(old, new, problem, tmp_path):
    assert old in CARDS
    problems = find_problems(CARDS.replace(old, new, 1), tmp_path)
    assert any(line.startswith(f"x.toml:{problem}") for line in problems), problems


@pytest.mark.parametrize("name", ["Time", "Class", "Amount", "margin", "probability", "fold"])
def test_a_feature_never_overwrites_a_column_of_the_tables(name, tmp_path):
    problems = find_problems(CARDS.replace("mcc", name), tmp_path)
    wanted = f"x.toml:23: fields.{name}: no feature may have this name: rename the field, and add "
    assert f'{wanted}path = "{name}" if payments and files use it' in problems


def test_all_problems_are_named_at_once(tmp_path):
    text = CARDS.replace("decimals = 2", "decimals = 9").replace("most = 256", "most = 0")
    assert len(find_problems(text, tmp_path)) == 2


def test_a_missing_file_names_the_builtin_schemas():
    with pytest.raises(SchemaError, match="creditcard and cards"):
        read_schema("none.toml")


def test_fields_have_their_column_in_files(tmp_path):
    creditcard = read_schema("creditcard")
    assert creditcard.time_column == "Time"
    assert creditcard.columns["Class"] == "Class"
    text = CARDS.replace(
        '{ type = "entity", name = "device", optional = true }',
        '{ type = "entity", path = "device.id" }',
    )
    schema = parse_schema(text, "x.toml", tmp_path)
    assert schema.columns["device_id"] == "device.id"
    assert schema.reference == f"cards@{schema.version}"
    assert schema.inputs == ("amount", "currency", "country", "channel", "mcc")
