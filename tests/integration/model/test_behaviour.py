"""The model in use on understandable transactions, through the stream's own code."""

import json

import msgspec
import numpy as np
import pytest
from scipy.special import logit
from support.data.transactions import ENCODER, make_transaction
from support.fakes import NOW, FakeModel, make_batch

from model.dataset import make_matrix
from payments.contract import INPUTS
from payments.records import AlertRecord
from payments.schema.reading import read_schema
from producer import rows
from streams.kafka.topics import ALERTS, PREDICTIONS
from streams.scorer.scoring import Scorer


class Untouched(FakeModel):
    """A model that fails if it is used."""

    def compute_margins(self, rows):
        assert len(rows) == 0


def scored(model, values):
    """Return the outputs for a batch, by topic."""
    outputs = {}
    for output in Scorer(model, lambda: NOW).score(make_batch(*values)).outputs:
        outputs.setdefault(output.topic, []).append(output)
    return outputs


def decisions(model, values):
    return [json.loads(output.value)["decision"] for output in scored(model, values)[PREDICTIONS]]


def payment(inputs):
    return json.dumps(
        make_transaction(0) | dict(zip(INPUTS, map(float, inputs), strict=True))
    ).encode()


@pytest.fixture(scope="module")
def alerts(model, creditcard, last_fifth):
    """The alerts of the test part, as `fraud score` would write them for `fraud replay`."""
    replayed = rows.read(
        rows.Selection(creditcard, read_schema("creditcard"), first=int(last_fifth.index[0])), "run"
    )
    outputs = scored(model, map(rows.encode_transaction, replayed))
    assert len(outputs[PREDICTIONS]) == len(last_fifth)
    return [msgspec.json.decode(output.value, type=AlertRecord) for output in outputs[ALERTS]]


def test_the_reasons_of_every_alert_add_up_to_its_margin(model, alerts, last_fifth):
    assert (
        len(alerts)
        == (
            model.compute_margins(make_matrix(last_fifth, ENCODER))
            >= logit(model.thresholds.review)
        ).sum()
        > 10
    )
    for alert in alerts:
        added = alert.base + sum(reason.contribution for reason in alert.reasons) + alert.rest
        assert added == pytest.approx(alert.margin, abs=1e-4), alert.transaction_id


def test_a_payment_of_medians_is_approved(model, last_fifth):
    assert decisions(model, [payment(last_fifth[list(INPUTS)].median())]) == ["approve"]


def test_a_flagged_fraud_stays_flagged_when_its_amount_moves_by_a_hundredth(
    model, alerts, last_fifth
):
    flagged = last_fifth.loc[[int(alert.transaction_id.removeprefix("run-")) for alert in alerts]]
    frauds = flagged.loc[flagged["Class"] == 1, list(INPUTS)].to_numpy()
    assert len(frauds) > 10
    moved = np.vstack(
        [frauds * np.where(np.array(INPUTS) == "Amount", factor, 1.0) for factor in (0.99, 1.01)]
    )
    assert "approve" not in decisions(model, map(payment, moved))


@pytest.mark.parametrize("bad", ["NaN", "Infinity", "-Infinity", "1e999", "3.5e38", '"1"', "null"])
@pytest.mark.parametrize("name", ["V7", "Amount"])
def test_non_numbers_never_reach_the_model(name, bad):
    value = payment(np.ones(29)).replace(f'"{name}": 1.0'.encode(), f'"{name}": {bad}'.encode())
    assert bad.encode() in value
    (refused,) = scored(Untouched(), [value])["transactions.dlq"]
    assert refused.value == value


@pytest.mark.parametrize("name", INPUTS)
def test_a_missing_input_never_reaches_the_model(name):
    value = json.dumps(
        {key: one for key, one in make_transaction(0).items() if key != name}
    ).encode()
    (refused,) = scored(Untouched(), [value])["transactions.dlq"]
    assert name.encode() in dict(refused.headers)["error.detail"]
