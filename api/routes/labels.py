"""`POST /alerts/{transaction_id}/label`: what an analyst found out about an alert, to the topic `labels`."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field

from api import errors
from api.dependencies import Dependencies, get_dependencies
from api.publisher import NotConfirmedError
from api.routes.alerts import LoadedStore
from payments.contract import Label
from payments.records import LabelRecord
from streams.kafka.codec import key
from streams.kafka.topics import LABELS

router = APIRouter(tags=["alerts"])


class LabelRequest(BaseModel):
    """Whether it was fraud, and who says so."""

    model_config = ConfigDict(strict=True)

    is_fraud: bool
    labelled_by: str = Field(min_length=1, max_length=128, pattern=r"\S")


class _Owner(msgspec.Struct):
    account_id: str | None = None


def label(alert: Any, judgement: LabelRequest, at: datetime) -> Any:
    """The record of `labels` for a payments.records.AlertRecord."""
    return LabelRecord(
        transaction_id=alert.transaction_id,
        account_id=_account(alert),
        is_fraud=judgement.is_fraud,
        labelled_at=at,
        source="analyst",
        labelled_by=judgement.labelled_by,
    )


def _account(alert: Any) -> str | None:
    """The alert's account; None where its transaction is no object that has one."""
    try:
        return msgspec.json.decode(alert.transaction, type=_Owner).account_id
    except msgspec.DecodeError:
        return None


@router.post(
    "/alerts/{transaction_id:path}/label",
    summary="Judge an alert",
    status_code=202,
    response_model=Label,
    responses={
        404: {
            "model": errors.Refusal,
            "description": "No alert about this transaction among those that are listed",
        },
        503: {
            "model": errors.Refusal,
            "description": "Kafka has not confirmed it, or the alerts are not read yet",
        },
    },
)
async def judge(
    transaction_id: str,
    judgement: LabelRequest,
    store: LoadedStore,
    dependencies: Annotated[Dependencies, Depends(get_dependencies)],
) -> Response:
    """Write a label. 202: Kafka has acknowledged it. A later one about the same transaction takes its place."""
    item = store.find(transaction_id)
    if item is None:
        raise HTTPException(404, "no alert about this transaction is listed (GET /alerts)")
    record = label(item.alert, judgement, dependencies.clock())
    value = msgspec.json.encode(record)
    try:
        await dependencies.publisher.publish(
            LABELS, key(record.transaction_id, record.account_id), value
        )
    except NotConfirmedError as error:
        raise HTTPException(503, f"not confirmed: {error}") from None
    return Response(value, 202, media_type="application/json")
