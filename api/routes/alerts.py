"""`GET /alerts` and `GET /alerts/stream`: the newest alerts, and new ones as they come."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat

from api.alert_store import SIZE, AlertStore, Item
from api.background import LoadedStore, RunningBackground, lifespan
from api.errors import Refusal
from payments.contract import KeptAlert, KeptLabel
from payments.rfc3339 import parse_text

_POLL_S = 0.05  # each client polls the store, instead of a queue that could overflow
_DEFAULT_LIMIT = 50
_EVENT_ID = re.compile(r"(?P<start>[0-9a-f]{8})-(?P<change>[0-9]{1,15})")


class ListedAlert(KeptAlert):
    """An alert, its partition-offset on the topic `alerts`, and its label that counts."""

    position: str
    label: KeptLabel | None


def _parse_time(text: object) -> datetime:
    """Parse a time of the contract. Pydantic alone would also take a number of seconds."""
    return text if isinstance(text, datetime) else parse_text(str(text))


Time = Annotated[AwareDatetime, BeforeValidator(_parse_time)]


class Filter(BaseModel):
    """Selects alerts; times are times of scoring."""

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

    def matches(self, item: Item) -> bool:
        """Return whether an alert is selected."""
        alert = item.alert
        return (
            (self.state is None or (self.state == "judged") == (item.label is not None))
            and (self.decision is None or alert.decision == self.decision)
            and (self.min_amount is None or alert.amount >= self.min_amount)
            and (self.max_amount is None or alert.amount <= self.max_amount)
            and (self.since is None or alert.scored_at >= self.since)
            and (self.until is None or alert.scored_at < self.until)
        )


NOT_LOADED: dict[int | str, dict[str, Any]] = {
    503: {"model": Refusal, "description": "The alerts are not loaded yet: Kafka does not answer"}
}


router = APIRouter(tags=["alerts"], lifespan=lifespan)


@router.get(
    "/alerts",
    summary="The newest alerts",
    responses={200: {"model": list[ListedAlert]}, **NOT_LOADED},
    response_class=Response,
)
async def alerts(store: LoadedStore, criteria: Annotated[Filter, Query()]) -> Response:
    """Newest first: the newest 1,000, and older ones without a label by expected loss.

    The topic `alerts` holds all of them.
    """
    items = [item for item in store.list_items() if criteria.matches(item)][: criteria.limit]
    body = b"[" + b",".join(item.encode() for item in items) + b"]"
    return Response(body, media_type="application/json")


@router.get(
    "/alerts/stream",
    summary="Alerts as they come",
    response_class=EventSourceResponse,
    responses=NOT_LOADED,
)
async def stream(
    store: LoadedStore,
    background: RunningBackground,
    recent: Annotated[
        int, Query(ge=0, le=SIZE, description="how many of the newest alerts come first")
    ] = 0,
    last_event_id: Annotated[str | None, Header()] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events: each `alert` as it comes, and again with its label when it is judged.

    A client that reconnects with `Last-Event-ID` gets the events it missed, and after a restart of
    the server all events, so an event may come twice. A client more than 1,000 alerts behind loses
    the oldest. An idle stream sends a comment every 15 s. The event `reset` says that a topic was
    recreated: forget all alerts; those of the new topic follow.
    """
    start = store.start
    cursor, first = _start(store, recent, last_event_id)
    for item in first:
        yield _make_event(store, item)
    while not background.stop.is_set():
        if store.start != start:
            start = store.start
            yield ServerSentEvent(event="reset", raw_data="{}")
        for item in store.list_changes(cursor):
            cursor = item.change
            yield _make_event(store, item)
        await asyncio.sleep(_POLL_S)


def _start(store: AlertStore, recent: int, last_event_id: str | None) -> tuple[int, list[Item]]:
    """Return the number of the last change the client has, and the items to send at once."""
    if last_event_id is not None:
        match = _EVENT_ID.fullmatch(last_event_id)
        return (int(match["change"]) if match and match["start"] == store.start else 0), []
    items = store.list_changes(0)
    cursor = items[-1].change if items else 0
    return cursor, items[max(0, len(items) - recent) :]


def _make_event(store: AlertStore, item: Item) -> ServerSentEvent:
    return ServerSentEvent(
        event="alert", raw_data=item.encode().decode(), id=f"{store.start}-{item.change}"
    )
