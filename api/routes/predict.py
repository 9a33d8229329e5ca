"""`POST /predict`: scores one payment with the stream's decoder, features and model."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import numpy as np
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api import errors
from api.dependencies import get_dependencies
from api.openapi import EXAMPLE, describe_body
from model.alert import ScoringModel, rank_reasons
from model.artefact import compute_probabilities, decide
from payments.arrays import Singles
from payments.contract import Decision, Payment, Probability, Reason
from payments.records import (
    PAYMENT,
    ROW_BYTES,
    InvalidTransactionError,
    decode,
    get_inputs,
    make_struct,
)

router = APIRouter(tags=["scoring"])


class Score(BaseModel):
    """The model's decision on one payment, the same as the stream's for the same inputs."""

    model_config = ConfigDict(protected_namespaces=())

    prediction: Literal[0, 1] = Field(description="1 if and only if the decision is not to approve")
    probability: Probability
    threshold: Probability = Field(description="the probability from which a payment is reviewed")
    decision: Decision
    model_version: str
    reasons: list[Reason] = Field(
        description="as in an alert, largest contribution towards fraud first; empty when approved"
    )


_ScoreRecord = make_struct(Score)
_encode = msgspec.json.Encoder().encode


@router.post(
    "/predict",
    response_model=Score,
    summary="Score a payment",
    openapi_extra=describe_body(Payment, EXAMPLE),
)
async def predict(request: Request) -> Response:
    """From V1..V28 and Amount. Publishes nothing and does not need Kafka. Ignores other fields."""
    body = await request.body()
    buffer = bytearray(ROW_BYTES)
    try:
        payment = decode(body, buffer, 0, layout=PAYMENT)
    except InvalidTransactionError as error:
        return errors.refuse_body(request, body, Payment, error)
    row = np.frombuffer(buffer, np.float32).reshape(1, -1)
    scored = _score(get_dependencies(request).model, get_inputs(payment, PAYMENT), row)
    return Response(_encode(scored), media_type="application/json")


def _score(model: ScoringModel, values: Sequence[float], row: Singles) -> Any:
    """The Score of float32[1, 29]; `values` are its numbers as they were sent."""
    scores = compute_probabilities(model.compute_margins(row))
    decision = decide(scores, model.thresholds)[0]
    suspicious = decision != "approve"
    return _ScoreRecord(
        prediction=int(suspicious),
        probability=float(scores[0]),
        threshold=model.thresholds.review,
        decision=decision,
        model_version=model.version,
        reasons=rank_reasons(model, values, model.explain(row)[1][0])[0] if suspicious else [],
    )
