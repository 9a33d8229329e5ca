"""`POST /predict`: scores one payment with the stream's decoder, features and model."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api import errors
from api.openapi import describe_body, make_example
from model.alert import ScoringModel, rank_reasons
from model.artefact import compute_probabilities, decide
from payments.arrays import Singles
from payments.contract import Decision, Probability, Reason
from payments.decoder import InvalidTransactionError
from payments.numbered_names import list_in_words
from payments.records import make_struct
from payments.transaction import list_payment_fields, make_payment_model


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


def create_predict_router(model: ScoringModel) -> APIRouter:
    """Create the route, with a description of the payments that `model` reads."""
    router = APIRouter(tags=["scoring"])
    schema = model.decoder.schema
    payment_model = make_payment_model(schema)
    fields = list_payment_fields(schema)

    @router.post(
        "/predict",
        response_model=Score,
        summary="Score a payment",
        description=(
            f"From {list_in_words(fields)}. Publishes nothing and does not need Kafka. "
            "Ignores other fields."
        ),
        openapi_extra=describe_body(payment_model, make_example(schema, fields)),
    )
    async def predict(request: Request) -> Response:
        body = await request.body()
        if model.decoder.encoder.history:
            return errors.refuse(
                request,
                501,
                "the model reads the history of accounts, which only the stream has: publish the "
                "payment with POST /transactions",
            )
        try:
            values, row = model.decoder.decode_payment(body)
        except InvalidTransactionError as error:
            return errors.refuse_body(request, body, payment_model, error)
        return Response(_encode(_score(model, values, row)), media_type="application/json")

    return router


def _score(model: ScoringModel, values: Sequence[Any], row: Singles) -> Any:
    """The Score of float32[1, features]; `values` are its inputs as they were sent."""
    scores = compute_probabilities(model.compute_margins(row))
    decision = decide(scores, model.thresholds)[0]
    suspicious = decision != "approve"
    return _ScoreRecord(
        prediction=int(suspicious),
        probability=float(scores[0]),
        threshold=model.thresholds.review,
        decision=decision,
        model_version=model.version,
        reasons=(
            rank_reasons(model, values, row[0], model.explain(row)[1][0])[0] if suspicious else []
        ),
    )
