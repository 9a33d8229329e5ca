"""The messages have one declaration: what msgspec writes is what the pydantic models describe."""

import json
from datetime import UTC, datetime

import msgspec
import pytest
from support.data.transactions import Transaction

from payments import contract, records

NOW = datetime(2013, 9, 1, 12, 30, tzinfo=UTC)
PAIRS = [
    (Transaction, records.make_struct(Transaction)),
    (contract.Prediction, records.PredictionRecord),
    (contract.Alert, records.AlertRecord),
    (contract.KeptAlert, records.KeptAlertRecord),
    (contract.Label, records.LabelRecord),
    (contract.Reason, records.ReasonRecord),
    (contract.Thresholds, records.ThresholdsRecord),
]


@pytest.mark.parametrize(("model", "struct"), PAIRS, ids=[model.__name__ for model, _ in PAIRS])
def test_model_and_record_have_the_same_fields(model, struct):
    fields = msgspec.structs.fields(struct)
    assert [field.name for field in fields] == list(model.model_fields)
    required = [field.name for field in fields if field.default is msgspec.NODEFAULT]
    assert required == [name for name, info in model.model_fields.items() if info.is_required()]


def test_a_transaction_has_the_inputs_in_their_order():
    assert list(contract.INPUTS) == [f"V{i}" for i in range(1, 29)] + ["Amount"]
    assert [name for name in Transaction.model_fields if name in contract.INPUTS] == list(
        contract.INPUTS
    )


def examples(transaction):
    common = {"contract": 2, "transaction_id": "a-1", "event_time": NOW}
    scored = common | {
        "scored_at": NOW,
        "probability": 0.75,
        "decision": "block",
        "decided_by": "model",
        "model_version": "v",
        "schema_reference": "s@0",
        "source": records.SourceRecord(partition=0, offset=1),
        "features": [0.5, None],
        "transaction": msgspec.Raw(transaction),
    }
    thresholds = records.ThresholdsRecord(review=0.5, block=0.7)
    reason = records.ReasonRecord(
        feature="V1", label="component 1", value=0.1, usual=(-1.0, 1.0), contribution=2.5
    )
    alert = {
        "margin": 1.1,
        "thresholds": thresholds,
        "amount": 10.0,
        "expected_loss": 7.5,
        "base": -5.0,
        "reasons": [reason],
        "rest": 0.2,
    }
    return [
        (contract.Prediction, records.PredictionRecord(**scored)),
        (contract.Alert, records.AlertRecord(**scored, **alert)),
        (
            contract.Label,
            records.LabelRecord(
                transaction_id="a-1",
                entities={"account_id": "b"},
                event_time=NOW,
                is_fraud=True,
                labelled_at=NOW,
                source="replay",
            ),
        ),
    ]


@pytest.mark.parametrize(
    ("model", "record"), examples(b'{"x": 1e5}'), ids=["prediction", "alert", "label"]
)
def test_what_is_written_is_what_the_model_describes(model, record):
    written = msgspec.json.encode(record)
    read = model.model_validate_json(written)
    assert list(json.loads(written)) == [
        info.alias or name
        for name, info in model.model_fields.items()
        if getattr(read, name) is not None
    ]
    assert msgspec.json.encode(msgspec.json.decode(written, type=type(record))) == written


def test_a_prediction_contains_the_input_byte_for_byte():
    (_, prediction), *_ = examples(b' {"x": 1e5} ')
    assert b'"transaction": {"x": 1e5} }' in msgspec.json.encode(prediction)


def test_the_schema_names_every_limit():
    schema = Transaction.model_json_schema()
    assert schema["properties"]["transaction_id"] | {"title": None} == {
        "maxLength": 128,
        "minLength": 1,
        "title": None,
        "type": "string",
    }
    assert schema["properties"]["Amount"]["minimum"] == 0
    assert schema["properties"]["V1"]["exclusiveMaximum"] == contract.FLOAT32_OVERFLOW
    assert set(schema["required"]) == {"transaction_id", "event_time", *contract.INPUTS}
