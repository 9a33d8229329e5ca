import json
import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.data import shop
from support.data.transactions import CREDITCARD, make_transaction, make_transaction_bytes
from support.fakes import NOW, FakeModel, FakeRecord, make_batch

from model.alert import list_derived
from payments.contract import Alert, Prediction
from streams.scorer.batch import Batch
from streams.scorer.scoring import Scorer, ScoringFailedError


def scorer(**changes):
    return Scorer(FakeModel(**changes), clock=lambda: NOW)


def outputs(scored, topic):
    return [output for output in scored.outputs if output.topic == topic]


def source_offsets(outputs):
    return [
        int(output.headers["source.offset"])
        if output.headers
        else json.loads(output.value)["source"]["offset"]
        for output in outputs
    ]


def test_each_decision_follows_its_probability():
    margins = {"approve": -3.0, "review": 1.0, "block": 5.0}
    values = [make_transaction_bytes(i, V1=margin) for i, margin in enumerate(margins.values())]
    scored = scorer().score(make_batch(*values))
    predictions = [json.loads(output.value) for output in outputs(scored, "predictions")]
    assert [prediction["decision"] for prediction in predictions] == list(margins)
    for prediction, margin in zip(predictions, margins.values(), strict=True):
        assert prediction["probability"] == pytest.approx(1 / (1 + math.exp(-margin)), abs=1e-15)
    alerts = [json.loads(output.value)["decision"] for output in outputs(scored, "alerts")]
    assert alerts == ["review", "block"]


def test_a_prediction_contains_its_transaction_byte_for_byte():
    raw = b' {"ignored": [1,  2], ' + make_transaction_bytes(1)[1:] + b"\n"
    [prediction] = outputs(scorer().score(make_batch(raw)), "predictions")
    assert raw in prediction.value
    Prediction.model_validate_json(prediction.value)


def test_an_alert_adds_up_and_is_valid():
    [alert] = outputs(scorer().score(make_batch(make_transaction_bytes(1, V1=4.0))), "alerts")
    content = json.loads(alert.value)
    contributions = [reason["contribution"] for reason in content["reasons"]]
    assert content["base"] + sum(contributions) + content["rest"] == content["margin"]
    assert content["reasons"][0] == {
        "feature": "V1",
        "label": "component 1",
        "value": 4.0,
        "usual": [-1.0, 1.0],
        "contribution": 4.0,
    }
    assert len(content["reasons"]) == 5
    assert content["expected_loss"] == content["probability"] * content["amount"]
    Alert.model_validate_json(alert.value)


def test_values_name_the_source_and_keys_the_account():
    value = make_transaction_bytes(1, account_id="ä", V1=4.0)
    batch = Batch(0, 0, [FakeRecord(value, offset=7, partition=3)])
    written = scorer().score(batch).outputs
    assert [output.topic for output in written] == ["predictions", "alerts"]
    for output in written:
        assert (output.key, output.headers) == ("ä".encode(), None)
        content = json.loads(output.value)
        assert (content["contract"], content["decided_by"]) == (2, "model")
        assert content["schema"] == CREDITCARD.reference
        assert content["source"] == {"partition": 3, "offset": 7}
        assert "features" not in content


def test_a_prediction_has_the_features_that_are_no_fields():
    model = FakeModel(typical_ranges=shop.USUAL, decoder=shop.DECODER)
    payments = [shop.encode_payment(), shop.encode_payment(total=4_000)]
    scored = Scorer(model, clock=lambda: NOW).score(make_batch(*payments))
    written = [json.loads(output.value) for output in scored.outputs]
    assert [content["features"] for content in written] == [[23.0, 5.0, 1.0]] * len(written)
    assert len(outputs(scored, "alerts")) > 0
    assert {content["schema"] for content in written} == {shop.SHOP.reference}


def test_a_missing_feature_is_null_and_the_others_have_the_boosters_bits():
    rows = np.array([[1.0] * 4 + [0.1, np.nan, 1e30]], np.float32)
    written = json.loads(msgspec.json.encode(list_derived(shop.DECODER.encoder, rows)))
    assert written[0][1] is None
    read = np.array([[np.nan if each is None else each for each in written[0]]], np.float32)
    assert read.tobytes() == rows[:, 4:].tobytes()


@pytest.mark.parametrize("fault", [{"V2": 666.0}, {"V1": 4.0, "V3": 666.0}])
def test_a_single_failing_record_is_a_dead_letter_and_the_others_are_scored(fault):
    values = [make_transaction_bytes(i, **(fault if i == 2 else {})) for i in range(5)]
    scored = scorer().score(make_batch(*values))
    [dead] = outputs(scored, "transactions.dlq")
    assert dead.value == values[2]
    assert dict(dead.headers)["error.kind"] == b"scoring_failed"
    assert source_offsets([dead]) == [2]
    assert source_offsets(outputs(scored, "predictions")) == [0, 1, 3, 4]


def test_a_record_whose_output_was_refused_is_a_dead_letter_and_the_others_are_scored():
    values = [make_transaction_bytes(number) for number in range(3)]
    scored = Scorer(FakeModel(), lambda: NOW, refused={(0, 1): "why"}).score(make_batch(*values))
    [dead] = outputs(scored, "transactions.dlq")
    assert dead.value == values[1]
    headers = dict(dead.headers)
    assert (headers["error.kind"], headers["error.detail"]) == (b"too_large", b"why")
    assert scored.outcomes["rejected"] == scored.dead_letters["too_large"] == 1
    assert source_offsets(outputs(scored, "predictions")) == [0, 2]


def test_a_transient_failure_is_retried_and_no_record_is_blamed(monkeypatch):
    failures = [MemoryError("for a moment")]
    works = FakeModel.compute_margins

    def compute_margins(self, rows):
        if failures:
            raise failures.pop()
        return works(self, rows)

    monkeypatch.setattr(FakeModel, "compute_margins", compute_margins)
    scored = scorer().score(make_batch(make_transaction_bytes(1)))
    assert [output.topic for output in scored.outputs] == ["predictions"]


@pytest.mark.parametrize("count", [1, 2])
def test_failing_records_are_dead_letters_even_in_a_batch_without_others(count):
    scored = scorer().score(make_batch(*[make_transaction_bytes(1, V2=666.0)] * count))
    kinds = [dict(output.headers)["error.kind"] for output in scored.outputs]
    assert kinds == [b"scoring_failed"] * count


class Broken(FakeModel):
    def compute_margins(self, rows):
        raise RuntimeError("no memory")


class Mute(FakeModel):
    def explain(self, rows):
        raise RuntimeError("no memory")


@pytest.mark.parametrize("model", [Broken(), Mute()])
@pytest.mark.parametrize("count", [1, 2])
def test_a_model_that_fails_on_any_row_stops_the_process_instead_of_emptying_the_topic(
    model, count
):
    batch = make_batch(b"", *[make_transaction_bytes(1, V1=4.0)] * count)
    with pytest.raises(ScoringFailedError, match="no memory"):
        Scorer(model, lambda: NOW).score(batch)


broken = st.one_of(
    st.none(),
    st.binary(max_size=50),
    st.sampled_from(
        [
            b"",
            b"[]",
            b"\xef\xbb\xbf{}",
            make_transaction_bytes(1, V3=1e39),
            make_transaction_bytes(1)[:-1] + b',"x":"\xff"}',
        ]
    ),
)


@given(st.lists(st.one_of(broken, st.integers(0, 99).map(make_transaction_bytes))))
def test_every_record_has_exactly_one_prediction_or_dead_letter(values):
    scored = scorer().score(make_batch(*values))
    dead = outputs(scored, "transactions.dlq")
    answered = source_offsets(outputs(scored, "predictions") + dead)
    assert sorted(answered) == list(range(len(values)))
    for output, offset in zip(dead, source_offsets(dead), strict=True):
        assert (output.value, output.key) == (values[offset], b"key")
    assert sum(scored.outcomes.values()) == len(values)


def test_times_keep_their_utc_offset():
    time = "2013-09-01T02:00:00+02:00"
    batch = make_batch(make_transaction_bytes(1, event_time=time))
    [prediction] = outputs(scorer().score(batch), "predictions")
    content = msgspec.json.decode(prediction.value)
    assert content["event_time"] == time
    assert content["scored_at"] == "2026-01-02T03:04:05Z"
    assert content["transaction"] == make_transaction(1, event_time=time)
