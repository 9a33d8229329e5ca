"""`GET /alerts` and `GET /alerts/stream`: the newest alerts, and those that come."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Header, Query, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat

from api.alert_store import SIZE, AlertStore, Item
from api.background import Background, get_alert_store, get_background, lifespan
from api.errors import Refusal
from payments.contract import Alert, Label

_POLL_S = 0.05  # a client looks at the store so often: no queue of its own, which could overflow
_DEFAULT_LIMIT = 50
_EVENT_ID = re.compile(r"(?P<start>[0-9a-f]{8})-(?P<change>[0-9]{1,15})")

router = APIRouter(tags=["alerts"], lifespan=lifespan)


class ListedAlert(Alert):
    """An alert, where it stands on the topic `alerts` (partition-offset), and the last judgement about its transaction."""

    position: str
    label: Label | None


def _rfc3339(text: object) -> datetime:
    """What the contract calls a time. Pydantic alone would take a number for seconds since 1970, too."""
    try:
        at: datetime = msgspec.convert(text, Annotated[datetime, msgspec.Meta(tz=True)])
    except msgspec.ValidationError:
        raise ValueError("not RFC 3339 with an offset") from None
    return at


Time = Annotated[AwareDatetime, BeforeValidator(_rfc3339)]


class Filter(BaseModel):
    """Which alerts. Times are those of scoring."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["open", "judged"] | None = None
    decision: Literal["review", "block"] | None = None
    min_amount: FiniteFloat | None = None
    max_amount: FiniteFloat | None = None
    since: Time | None = Field(
        None, description="scored at this time or later; RFC 3339 with an offset"
    )
    until: Time | None = Field(None, description="scored before this time")
    limit: int = Field(_DEFAULT_LIMIT, ge=1, le=SIZE)

    def passes(self, item: Item) -> bool:
        """Whether an alert is one of those."""
        alert = item.alert
        return (
            (self.state is None or (self.state == "judged") == (item.label is not None))
            and (self.decision is None or alert.decision == self.decision)
            and (self.min_amount is None or alert.amount >= self.min_amount)
            and (self.max_amount is None or alert.amount <= self.max_amount)
            and (self.since is None or alert.scored_at >= self.since)
            and (self.until is None or alert.scored_at < self.until)
        )


NOT_READ: dict[int | str, dict[str, Any]] = {
    503: {"model": Refusal, "description": "The alerts are not read yet: Kafka does not answer"}
}
LoadedStore = Annotated[AlertStore, Depends(get_alert_store)]


@router.get(
    "/alerts",
    summary="The newest alerts",
    responses={200: {"model": list[ListedAlert]}, **NOT_READ},
    response_class=Response,
)
async def alerts(store: LoadedStore, wanted: Annotated[Filter, Query()]) -> Response:
    """Newest first: the newest 1,000, and of older ones the dearest that nobody has judged. All are on the topic `alerts`."""
    found = [item for item in store.items() if wanted.passes(item)][: wanted.limit]
    return Response(
        b"[" + b",".join(item.encode() for item in found) + b"]", media_type="application/json"
    )


@router.get(
    "/alerts/stream",
    summary="Alerts as they come",
    response_class=EventSourceResponse,
    responses=NOT_READ,
)
async def stream(
    store: LoadedStore,
    background: Annotated[Background, Depends(get_background)],
    recent: Annotated[
        int, Query(ge=0, le=SIZE, description="how many of the newest alerts come first")
    ] = 0,
    last_event_id: Annotated[str | None, Header()] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events: each `alert` as it comes, and again, with its label, when it is judged.

    A client that comes back with `Last-Event-ID` gets what it missed; after a restart of the server it gets all that is known. So an
    event may come twice. Who falls more than 1,000 alerts behind loses the oldest. A comment comes every 15 s while nothing happens.
    """
    cursor, first = _begin(store, recent, last_event_id)
    for item in first:
        yield _event(store, item)
    while not background.stop.is_set():
        for item in store.changed(cursor):
            cursor = item.change
            yield _event(store, item)
        await asyncio.sleep(_POLL_S)


def _begin(store: AlertStore, recent: int, last_event_id: str | None) -> tuple[int, list[Item]]:
    """The number of the last change that the client knows, and what it gets at once."""
    if last_event_id is not None:
        known = _EVENT_ID.fullmatch(last_event_id)
        return (int(known["change"]) if known and known["start"] == store.start else 0), []
    everything = store.changed(0)
    return (everything[-1].change if everything else 0), everything[
        len(everything) - min(recent, len(everything)) :
    ]


def _event(store: AlertStore, item: Item) -> ServerSentEvent:
    return ServerSentEvent(
        event="alert", raw_data=item.encode().decode(), id=f"{store.start}-{item.change}"
    )
