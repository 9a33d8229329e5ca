"""A model of a team's own payments: what training reads from a file is what the stream decodes."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from support.data import own
from support.data.transactions import CREDITCARD

from model import dataset, publish
from model.artefact import Model
from model.errors import FeatureMismatchError, TrainingError
from model.explanation import explain
from model.split import split
from model.training import pipeline
from payments.decoder import InvalidTransactionError, TransactionDecoder
from payments.errors import PaymentFileError
from payments.schema.reading import parse_schema

NOW = datetime(2026, 4, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def rows():
    return own.make_rows()


@pytest.fixture(scope="module")
def data(rows, tmp_path_factory):
    path = own.write_file(tmp_path_factory.mktemp("own") / "payments.csv", rows)
    return dataset.read_for_training(path, own.SCHEMA)


@pytest.fixture(scope="module")
def model(data, tmp_path_factory):
    return publish.save(pipeline.train(data), tmp_path_factory.mktemp("models"))


def test_a_file_and_the_stream_give_the_same_bits(rows, data, model):
    matrix = dataset.make_matrix(data.table, data.encoder)
    for number in range(0, len(rows), 7):
        sent, row = model.decoder.decode_one(own.make_transaction(rows.iloc[number]))
        assert row.tobytes() == matrix[number : number + 1].tobytes(), number
        values, same = model.decoder.decode_payment(own.make_transaction(rows.iloc[number]))
        assert (values, same.tobytes()) == (sent.values, row.tobytes())
        assert (sent.transaction_id, sent.key) == (f"p{number}", rows["card.number"][number])


def test_the_text_of_a_category_means_the_same_in_a_file_and_in_the_stream(rows, tmp_path):
    """NA is Namibia, and an empty text is as missing as none."""
    rows = rows.copy()
    rows.loc[rows["country"] == "DE", "country"] = "NA"
    rows.loc[rows.index[::3], "channel"] = "None"
    path = own.write_file(tmp_path / "payments.csv", rows)
    data = dataset.read_for_training(path, own.SCHEMA)
    assert "NA" in data.encoder.categories["country"]
    matrix = dataset.make_matrix(data.table, data.encoder)
    decoder = TransactionDecoder(data.encoder)
    for number in range(0, len(rows), 7):
        value = own.make_transaction(rows.iloc[number])
        for sent in (value, value.replace(b'"channel": null', b'"channel": ""')):
            assert decoder.decode_one(sent)[1].tobytes() == matrix[number : number + 1].tobytes()
    empty = value.replace(b'"country": "', b'"country": "", "was": "')
    with pytest.raises(InvalidTransactionError, match=r"\$\.country"):
        decoder.decode_one(empty)


def test_the_calendar_is_that_of_the_time_zone(data, rows):
    local = pd.to_datetime(rows["booked at"], format="ISO8601").dt.tz_convert("Europe/Brussels")
    assert set(local.dt.strftime("%z")) == {"+0100", "+0200"}  # the clocks change in these weeks
    assert data.table["hour"].tolist() == local.dt.hour.tolist()
    assert data.table["weekday"].tolist() == local.dt.weekday.tolist()
    assert data.table["weekend"].tolist() == (local.dt.weekday >= 5).astype(int).tolist()
    assert data.table["night"].tolist() == (local.dt.hour < 7).astype(int).tolist()


def test_categories_are_learned_from_the_training_part_alone(rows, tmp_path):
    later = rows.copy()
    later.loc[split(len(rows)).test, "country"] = "US"
    found = dataset.read_for_training(own.write_file(tmp_path / "x.csv", later), own.SCHEMA)
    part = rows["country"][split(len(rows)).train].value_counts()
    assert found.encoder.categories["country"] == tuple(part.index[:5])
    assert found.encoder.categories["channel"] == ("chip", "ecom", "atm")
    assert "US" not in found.encoder.categories["country"]
    assert set(found.table["country"][split(len(rows)).test]) == {5.0}  # the code of all others


def test_missing_values_are_nan_and_unseen_ones_the_trained_other(model):
    fields = b'"id":"a","time":"2026-04-01T12:00:00Z","amount":5,"present":true'
    _, row = model.decoder.decode_one(b'{%b,"card":{"number":"c"},"country":"XX"}' % fields)
    assert row[0, 0] == 5.0
    assert np.isnan(row[0, [1, 4]]).all()  # card_age and channel
    assert row[0, 3] == len(model.manifest.categories["country"])


def test_an_alert_has_reasons_of_every_type_that_add_up(rows, model):
    frauds = rows[rows["fraud"] == 1]
    alert = explain(model, own.make_transaction(frauds.iloc[-1]), NOW)
    total = alert.base + sum(reason.contribution for reason in alert.reasons) + alert.rest
    assert total == pytest.approx(alert.margin, abs=1e-4)
    reasons = {reason.feature: reason for reason in alert.reasons}
    assert set(reasons) == set(model.features)
    country = frauds.iloc[-1]["country"]
    assert reasons["country"].value == country
    assert reasons["country"].usual == {"share": model.typical_ranges["country"][country]}
    shares = model.typical_ranges["country"]
    assert 0 < 1 - sum(shares.values()) < 0.05
    unseen = explain(
        model, own.make_transaction(pd.Series({**frauds.iloc[-1], "country": "XX"})), NOW
    )
    share = next(each.usual for each in unseen.reasons if each.feature == "country")
    assert share == {"share": pytest.approx(1 - sum(shares.values()))}
    assert reasons["amount"].usual == model.typical_ranges["amount"]
    assert alert.amount == frauds.iloc[-1]["value"]


def test_the_features_carry_the_signal(model):
    assert np.mean([fold.average_precision for fold in model.manifest.folds]) > 0.4


def test_a_model_of_another_schema_is_refused_with_the_difference(model):
    with pytest.raises(FeatureMismatchError, match=f"{own.SCHEMA.reference}.*it lacks V1, V2"):
        Model.load(model.directory, CREDITCARD)
    text = own.SCHEMA_TEXT.replace('calendar = ["hour", ', "calendar = [")
    with pytest.raises(FeatureMismatchError, match="it also has hour; pass"):
        Model.load(model.directory, parse_schema(text, "x", own.Path()))
    text = own.SCHEMA_TEXT.replace("most = 5", "most = 4")
    with pytest.raises(FeatureMismatchError, match="the features have the same names"):
        Model.load(model.directory, parse_schema(text, "x", own.Path()))


def test_what_training_cannot_use_is_named(rows, tmp_path):
    empty = own.write_file(tmp_path / "empty.csv", rows.assign(value=""))
    with pytest.raises(PaymentFileError, match="row 0: value is missing"):
        dataset.read_for_training(empty, own.SCHEMA)
    path = own.write_file(tmp_path / "payments.csv", rows)
    unlabelled = parse_schema(own.SCHEMA_TEXT.replace('label = "fraud"', ""), "x", own.Path())
    with pytest.raises(TrainingError, match="no label"):
        dataset.read_for_training(path, unlabelled)
