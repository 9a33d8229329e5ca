"""`POST /transactions`: publishes a transaction and confirms it."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from api import errors
from api.dependencies import Dependencies
from api.openapi import describe_body, make_example
from api.publisher import NotConfirmedError
from payments.decoder import InvalidTransactionError
from payments.transaction import make_transaction_model
from streams.kafka.messages import choose_key
from streams.kafka.topics import TRANSACTIONS


class Accepted(BaseModel):
    """A transaction that all in-sync replicas of its topic have."""

    transaction_id: str


def create_transactions_router(dependencies: Dependencies) -> APIRouter:
    """Create the route, with a description of the transactions that the model's schema declares."""
    router = APIRouter(tags=["scoring"])
    decoder = dependencies.model.decoder
    schema = decoder.schema
    transaction_model = make_transaction_model(schema)

    @router.post(
        "/transactions",
        summary="Publish a transaction",
        status_code=202,
        response_model=Accepted,
        responses={
            503: {
                "model": errors.Refusal,
                "description": "Kafka has not confirmed it; it may be on the topic",
            }
        },
        openapi_extra=describe_body(transaction_model, make_example(schema, list(schema.fields))),
    )
    async def publish(request: Request) -> Response:
        """For the stream to score, byte for byte as sent. 202: Kafka has acknowledged it.

        After a 503, send it again. A transaction that is on the topic twice is scored twice, and
        `fraud ledger` reports it as resent.
        """
        body = await request.body()
        try:
            sent, _ = decoder.decode_one(body)
        except InvalidTransactionError as error:
            return errors.refuse_body(request, body, transaction_model, error)
        try:
            await dependencies.publisher.publish(
                TRANSACTIONS, choose_key(sent.transaction_id, sent.key), body
            )
        except NotConfirmedError as error:
            return errors.refuse(request, 503, f"not confirmed: {error}")
        return Response(
            Accepted(transaction_id=sent.transaction_id).model_dump_json(),
            202,
            media_type="application/json",
        )

    return router
