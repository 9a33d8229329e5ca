"""Keys, headers and sources of the messages that the system writes."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Message

from payments.contract import CONTRACT_VERSION
from payments.records import UNREADABLE, SourceRecord

# Written as a dict, which saves confluent-kafka 0.7 us a message over a list of pairs. Read as a
# list, because Kafka allows repeated headers.
Headers = dict[str, bytes]
ReadHeaders = list[tuple[str, bytes]]
Position = tuple[int, int]
"""(partition, offset) of a record."""

CHOSEN_BY_KEY = -1
MAX_DETAIL_BYTES = 512


class Output(msgspec.Struct, gc=False):
    """A message to write; `topic` is without the prefix.

    There is one or more per record; creating a struct takes a sixth of a named tuple's time. Only
    dead letters have headers, which cost more than the rest of producing a record.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers | None = None
    partition: int = CHOSEN_BY_KEY


def choose_key(transaction_id: str, account_id: str | None) -> bytes:
    """Return the message key.

    All records of one account share a partition, so they stay in order.
    """
    return (account_id or transaction_id).encode()


def format_timestamp(at: datetime) -> str:
    """Return the time in RFC 3339, in UTC with microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def arrived_ms(message: Message, now_ms: int) -> int:
    """Return when a record arrived, in ms since 1970, as far as that is known.

    The broker's timestamp if the topic has one (`LogAppendTime`). Otherwise the sender's, which is
    a claim, and at most `now_ms`, the time at which the record is read.
    """
    kind, at = message.timestamp()
    return int(at if kind == TIMESTAMP_LOG_APPEND_TIME else min(at, now_ms))


def make_dead_letter_headers(
    topic: str, partition: int, offset: int, kind: str, detail: str, failed_at: datetime
) -> Headers:
    """Return the headers of a record on `transactions.dlq`; cut the detail to MAX_DETAIL_BYTES."""
    cut = detail.encode(errors="replace")[:MAX_DETAIL_BYTES].decode(errors="ignore")
    return {
        "contract.version": b"%d" % CONTRACT_VERSION,
        "source.topic": topic.encode(),
        "source.partition": b"%d" % partition,
        "source.offset": b"%d" % offset,
        "error.kind": kind.encode(),
        "error.detail": cut.encode(),
        "failed.at": format_timestamp(failed_at).encode(),
    }


class _Sourced(msgspec.Struct, gc=False):
    """The member of a prediction or an alert that names its source."""

    source: SourceRecord  # type: ignore[valid-type]


_decode_source = msgspec.json.Decoder(_Sourced).decode


def read_source(message: Message) -> Position | None:
    """Return the position of a prediction's or an alert's source, None if it names none.

    The value names it, or the headers in version 1 of the contract.
    """
    try:
        source: Any = _decode_source(message.value() or b"").source
    except UNREADABLE:
        return read_origin(message.headers())
    return source.partition, source.offset


def read_origin(headers: ReadHeaders | None) -> Position | None:
    """Return the position of a dead letter's origin, None if the headers name none."""
    values = dict(headers or ())
    try:
        return int(values["source.partition"]), int(values["source.offset"])
    except (KeyError, TypeError, ValueError):  # anyone may write to a topic
        return None
