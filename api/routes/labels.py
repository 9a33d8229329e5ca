"""`POST /alerts/{transaction_id}/label`: publishes an analyst's label to the topic `labels`."""

from datetime import datetime
from typing import Any

import msgspec
from fastapi import APIRouter, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field

from api import errors
from api.alert_store import Item
from api.background import LoadedStore
from api.dependencies import Dependencies, FromApp
from api.publisher import NotConfirmedError
from payments.contract import Label
from payments.masking import Mask
from payments.records import LabelRecord
from streams.kafka.messages import choose_key
from streams.kafka.topics import LABELS

router = APIRouter(tags=["alerts"])


class LabelRequest(BaseModel):
    """Whether a transaction was fraud, and who says so."""

    model_config = ConfigDict(strict=True)

    is_fraud: bool
    labelled_by: str = Field(min_length=1, max_length=128, pattern=r"\S")
    position: str | None = Field(
        None,
        description="the alert's `position`, if several alerts have this transaction_id; "
        "default: the last of them",
    )


class PositionedLabelRequest(LabelRequest):
    """A LabelRequest that names the alert by its position alone."""

    position: str = Field(description="the alert's `position`")


def build_label(item: Item, request: LabelRequest, at: datetime) -> Any:
    """Return the LabelRecord (payments.records) for an alert."""
    return LabelRecord(
        transaction_id=item.alert.transaction_id,
        entities=item.entities,
        event_time=item.alert.event_time,
        is_fraud=request.is_fraud,
        labelled_at=at,
        source="analyst",
        labelled_by=request.labelled_by,
    )


_RESPONSES: dict[int | str, dict[str, Any]] = {
    404: {"model": errors.Refusal, "description": "No such alert is listed"},
    503: {
        "model": errors.Refusal,
        "description": "Kafka has not confirmed it, or the alerts are not loaded yet",
    },
}


@router.post(
    "/alerts/label",
    summary="Judge an alert by its position",
    status_code=202,
    response_model=Label,
    responses=_RESPONSES,
)
async def judge_position(
    request: PositionedLabelRequest, store: LoadedStore, dependencies: FromApp
) -> Response:
    """As `/alerts/{transaction_id}/label`, for any id: a path can't hold the ids `.` and `..`."""
    return await _publish(store.find(None, request.position), request, dependencies)


@router.post(
    "/alerts/{transaction_id:path}/label",
    summary="Judge an alert",
    status_code=202,
    response_model=Label,
    responses=_RESPONSES,
)
async def judge(
    transaction_id: str,
    request: LabelRequest,
    store: LoadedStore,
    dependencies: FromApp,
) -> Response:
    """Publish a label. 202: Kafka has acknowledged it.

    A later label of an analyst about the same transaction and key replaces it; one of a
    higher rank, as a chargeback, does so whenever it comes.
    """
    return await _publish(store.find(transaction_id, request.position), request, dependencies)


async def _publish(
    item: Item | None, request: LabelRequest, dependencies: Dependencies
) -> Response:
    if item is None:
        raise HTTPException(404, "no such alert is listed (GET /alerts)")
    record = build_label(item, request, dependencies.clock())
    schema = dependencies.model.decoder.schema
    try:
        await dependencies.publisher.publish(
            LABELS,
            choose_key(record.transaction_id, item.entities.get(schema.roles.key)),
            msgspec.json.encode(record),
        )
    except NotConfirmedError as error:
        raise HTTPException(503, f"not confirmed: {error}") from None
    shown = Mask(schema).mask_label(record)
    return Response(msgspec.json.encode(shown), 202, media_type="application/json")
