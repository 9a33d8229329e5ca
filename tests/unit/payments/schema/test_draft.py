"""Drafts of schemas: what is guessed from a file, and that the draft fits the file."""

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.data import own_payments

from payments.errors import InputError, PaymentFileError
from payments.files.profile import profile_file
from payments.files.reader import open_file
from payments.schema.draft import draft_schema
from payments.schema.reading import parse_schema
from producer.simulation import Parameters, SimulationOptions, simulate
from producer.simulation.output import write

COUNT = 600
PAYMENTS = own_payments.make(COUNT)


def draft(path):
    """The draft of a file, which reads each of its rows."""
    drafted = parse_schema(draft_schema(profile_file(path)), "x.toml", path.parent)
    for batch in open_file(path, drafted).read_batches():
        batch.check()
    return drafted


@pytest.fixture
def csv(tmp_path):
    def write_columns(separator=",", **cells):
        columns = {name: found for name, found in (PAYMENTS | cells).items() if found is not None}
        return own_payments.write_csv(tmp_path / "own.csv", columns, separator)

    return write_columns


def types(drafted):
    return {name: field.type for name, field in drafted.fields.items()}


OWN = {
    "id": "id",
    "time": "time",
    "card": "entity",
    "merchant": "entity",
    "amount": "amount",
    "country": "category",
    "channel": "category",
    "attempts": "number",
    "new_device": "boolean",
}


def test_a_csv_with_names_of_its_own(csv):
    drafted = draft(csv())
    assert types(drafted) == OWN
    assert drafted.roles.model_dump(exclude_none=True) == {
        "id": "id",
        "time": "time",
        "key": "card",
        "amount": "amount",
        "label": "is_fraud",
    }
    assert drafted.inputs == ("amount", "attempts", "new_device", "country", "channel")
    optional = [name for name, field in drafted.fields.items() if field.optional]
    assert optional == ["merchant", "country"]
    assert sorted(drafted.fields["channel"].values) == ["phone", "shop", "web"]


@pytest.mark.parametrize("kind", ["json_lines", "parquet"])
def test_nested_fields_have_a_path(tmp_path, kind):
    path = getattr(own_payments, f"write_{kind}")(tmp_path / "own.dat", PAYMENTS)
    drafted = draft(path)
    nested = {"card": "payer_card", "country": "payer_country"}
    assert types(drafted) == {nested.get(name, name): kind for name, kind in OWN.items()}
    assert drafted.fields["payer_card"].path == "payer.card"
    assert drafted.roles.key == "payer_card"


def test_the_file_of_the_simulator(tmp_path):
    path = tmp_path / "made.csv"
    write(simulate(Parameters.load(), COUNT, 1, [], SimulationOptions(accounts=20)), path)
    text = draft_schema(profile_file(path))
    drafted = draft(path)
    assert '"V1..V28" = { type = "number" }' in text
    assert 'numbers = ["V1..V28", "Amount"]' in text
    assert drafted.fields["Time"].unit == "seconds from the first row"
    assert (drafted.roles.key, drafted.roles.label) == ("account_id", "Class")
    assert drafted.fields[drafted.roles.id].type == "id"
    assert "# no calendar" in text


def test_european_numbers(csv):
    drafted = draft(csv(";", amount=[one.replace(".", ",") for one in PAYMENTS["amount"]]))
    assert types(drafted) == OWN


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1_000), ("us", 1_000_000)])
def test_unix_times_by_their_size(csv, unit, factor):
    times = [str((1_769_860_800 + row) * factor) for row in range(COUNT)]
    assert draft(csv(time=times)).fields["time"].unit == unit


@pytest.mark.parametrize("name", ["betrug", "fraude"])
def test_a_label_of_another_language_is_no_feature(csv, name):
    drafted = draft(csv(is_fraud=None, **{name: ["yes", "no"] * (COUNT // 2)}))
    assert drafted.roles.label == name


def test_what_identifies_somebody_is_never_a_category(csv):
    few = [str(one) for one in np.arange(COUNT) % 3]
    drafted = draft(csv(card=few, branch_id=few, terminal_number=[f"t{one}" for one in few]))
    assert {name: types(drafted)[name] for name in ("card", "branch_id", "terminal_number")} == {
        "card": "entity",
        "branch_id": "entity",
        "terminal_number": "entity",
    }


def test_codes_are_categories_and_counters_no_features(csv):
    codes = [str(5_400 + row % 70) for row in range(COUNT)]
    counter = [str(row // 2) for row in range(COUNT)]
    drafted = draft(csv(mcc=codes, card_type=["gold", "plain"] * (COUNT // 2), seconds=counter))
    assert types(drafted)["mcc"] == types(drafted)["card_type"] == "category"
    assert drafted.fields["mcc"].values == "learned"
    assert "seconds" in drafted.fields and "seconds" not in drafted.inputs


def test_amounts_in_cents_and_their_currency(csv):
    cents = [one.replace(".", "") for one in PAYMENTS["amount"]]
    drafted = draft(csv(amount=None, amount_cents=cents, currency=["EUR", "USD"] * (COUNT // 2)))
    amount = drafted.fields["amount_cents"]
    assert (amount.unit, amount.currency) == ("minor", "currency")


def test_when_a_label_became_known_is_a_role(csv):
    drafted = draft(csv(reported_at=PAYMENTS["time"]))
    assert drafted.roles.labelled_at == "reported_at"
    assert "reported_at" not in drafted.fields


def test_what_is_known_of_frauds_afterwards_is_left_out(csv):
    patterns = ["stolen" if one == "1" else "" for one in PAYMENTS["is_fraud"]]
    path = csv(fraud_pattern=patterns, dispute_code=["1", "2"] * (COUNT // 2))
    assert types(draft(path)) == OWN
    assert '# "fraud_pattern" is left out: its name' in draft_schema(profile_file(path))


def test_an_address_is_no_date(csv):
    drafted = draft(csv(ip=[f"10.16.{row % 100 + 100}.91" for row in range(COUNT)]))
    assert (types(drafted)["ip"], drafted.fields["ip"].secret) == ("entity", True)


def test_a_name_that_no_field_may_have_is_kept_for_files(csv):
    drafted = draft(csv(**{"Größe (kg)": ["1.5"] * COUNT, "2nd": ["1", "2"] * (COUNT // 2)}))
    assert drafted.fields["Gr_e_kg"].file == "Größe (kg)"
    assert drafted.fields["field_2nd"].file == "2nd"


def test_a_name_of_the_tables_columns_is_no_name_of_a_feature(csv):
    two = ["1.5", "2.5"] * (COUNT // 2)
    drafted = draft(csv(**dict.fromkeys(("Class", "margin", "probability"), two)))
    names = [feature.name for feature in drafted.features]
    assert [name for name in names if name.endswith("_2")] == [
        "Class_2",
        "margin_2",
        "probability_2",
    ]
    assert drafted.fields["Class_2"].file == "Class"


def test_long_text_is_no_category_and_longer_text_is_left_out(csv):
    drafted = draft(csv(note=["x" * 200, "y"] * (COUNT // 2), memo=["z" * 2_000] * COUNT))
    assert drafted.fields["note"].type == "text"
    assert "memo" not in drafted.fields
    assert '# "memo" is left out: in row 0 it has 2000' in draft_schema(
        profile_file(csv(memo=["z" * 2_000] * COUNT))
    )


def test_without_an_id_or_an_entity_the_stream_has_them(csv):
    drafted = draft(csv(id=None, card=None, merchant=None))
    assert (drafted.roles.id, drafted.roles.key) == ("transaction_id", "account_id")
    assert drafted.fields["account_id"].optional
    assert "not in the file" in draft_schema(profile_file(csv(id=None)))


def test_blanks_around_names_do_not_count(tmp_path):
    spaced = {f" {name} ": cells for name, cells in PAYMENTS.items()}
    drafted = draft(own_payments.write_csv(tmp_path / "own.csv", spaced))
    assert types(drafted) == OWN
    assert drafted.columns["amount"] == "amount"


def test_a_name_with_control_characters_is_escaped(tmp_path):
    path = own_payments.write_csv(
        tmp_path / "own.csv", PAYMENTS | {"a\x1b\x7f\x9b31m": ["1", "2"] * (COUNT // 2)}
    )
    assert draft(path).fields["a_31m"].file == "a\x1b\x7f\x9b31m"
    assert draft_schema(profile_file(path)).replace("\n", "").isprintable()


def test_a_draft_never_has_the_name_of_a_built_in_schema(tmp_path):
    path = own_payments.write_csv(tmp_path / "cards.csv", PAYMENTS)
    assert draft(path).name == "payments-cards"


REFUSED = {
    "thousands": (
        {"amount": ["1'234.50"] * COUNT},
        'amount has the name of an amount and text that is no number, such as "1\'234.50": remove',
    ),
    "no time": ({"time": None}, "own.csv has no column of times: write one as 2026-01-31T12:0"),
    "dates": (
        {"time": ["31/01/2026 12:00"] * COUNT},
        "no time that can be read in one way only: time is '31/01/2026 12:00'; write one as 2026",
    ),
    "missing times": (
        {"time": ["", *PAYMENTS["time"][1:]]},
        "own.csv: time is missing in 1 of 600 rows; leave out payments without a time",
    ),
    "no amount": (
        {"amount": None},
        "own.csv has no column with the name of an amount: name one `amount`; its numbers are att",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_without_what_each_payment_has_is_refused(csv, name):
    cells, cause = REFUSED[name]
    with pytest.raises(InputError, match=cause):
        draft(csv(**cells))


CELLS = st.sampled_from(
    [
        *("", "0", "1", "2.50", "-3", "yes", "NaN", "card-7", 'é "x"', "2026-01-05T00:00:00Z"),
        *("2026-01-05 00:00:00", "31/01/2026", "1769860800", "1e400", "x" * 130, "1,5"),
    ]
)
NAMES = st.one_of(
    st.sampled_from(["time", "amount", "id", "card", "fraud", "V1", "V2", "V3", "mcc", "a.b"]),
    st.text("aZ_ .9é", min_size=1, max_size=6),
)


@given(
    names=st.lists(NAMES, min_size=1, max_size=8, unique_by=str.casefold),
    rows=st.lists(st.lists(CELLS, min_size=8, max_size=8), min_size=1, max_size=5),
)
@settings(max_examples=150, deadline=None)
def test_any_table_gives_a_schema_that_reads_it_or_an_error_that_says_what_to_do(names, rows):
    table = pa.table(
        {name: [row[place] for row in rows] for place, name in enumerate(["time", "amount"])}
        | {name: [row[place] for row in rows] for place, name in enumerate(names)}
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.csv"
        pyarrow.csv.write_csv(table, path)
        try:
            draft(path)
        except (InputError, PaymentFileError) as error:
            assert "any.csv" in str(error)


def test_the_history_of_each_entity_is_drafted_as_a_comment(csv):
    path = csv()
    text = draft_schema(profile_file(path))
    for line in ("[[features.velocity]]", "entity = ", "windows = ", "measures = "):
        text = text.replace(f"# {line}", line)
    schema = parse_schema(text, "x.toml", path.parent)
    assert not draft(path).history_fields
    assert schema.history_fields == ("card", "merchant")
    assert "card.sum.7d" in [feature.name for feature in schema.features]
