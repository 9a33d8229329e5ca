"""`POST /transactions`: publishes a transaction and confirms it."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from api import errors
from api.dependencies import get_dependencies
from api.openapi import EXAMPLE, describe_body
from api.publisher import NotConfirmedError
from payments.contract import Transaction
from payments.records import ROW_BYTES, InvalidTransactionError, decode
from streams.kafka.messages import choose_key
from streams.kafka.topics import TRANSACTIONS

router = APIRouter(tags=["scoring"])


class Accepted(BaseModel):
    """A transaction that all in-sync replicas of its topic have."""

    transaction_id: str


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
    openapi_extra=describe_body(
        Transaction, EXAMPLE | {"transaction_id": "t-1", "event_time": "2013-09-01T12:00:00+02:00"}
    ),
)
async def publish(request: Request) -> Response:
    """For the stream to score, byte for byte as sent. 202: Kafka has acknowledged it.

    After a 503, send it again. A transaction that is on the topic twice is scored twice, and
    `fraud ledger` reports it as resent.
    """
    body = await request.body()
    try:
        record = decode(body, bytearray(ROW_BYTES), 0)
    except InvalidTransactionError as error:
        return errors.refuse_body(request, body, Transaction, error)
    try:
        await get_dependencies(request).publisher.publish(
            TRANSACTIONS, choose_key(record.transaction_id, record.account_id), body
        )
    except NotConfirmedError as error:
        return errors.refuse(request, 503, f"not confirmed: {error}")
    return Response(
        Accepted(transaction_id=record.transaction_id).model_dump_json(),
        202,
        media_type="application/json",
    )
