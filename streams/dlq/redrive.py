"""Sends dead letters back to `transactions`, each of them once.

A redriven record carries where it came from (`redriven.topic`, `redriven.partition`, `redriven.offset`: the refused record) and lies in
that record's partition, so it can only lie after it. Before anything is sent, each such partition is read from the oldest chosen record
to its end: what carries a chosen one's place was sent already, and is skipped. All redrives share one transactional id: a second one
fences the first before it looks, and what a killed one left open is aborted. Reported is what Kafka has acknowledged.

Once `transactions` no longer holds the refused record, nobody can tell whether it was sent again: those are not sent.
"""

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from time import monotonic

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.dlq import dead_letters
from streams.dlq.dead_letters import Choice, DeadLetter, Position
from streams.kafka.cluster import Cluster, Offsets, ReadingError
from streams.kafka.codec import Headers, own_headers
from streams.kafka.committer import producer_settings
from streams.kafka.connection import Connection
from streams.kafka.reader import Progress, read_with_progress
from streams.kafka.topics import MAX_RECORD_BYTES, REDRIVE_TRANSACTIONAL_ID, TRANSACTIONS

# One Kafka transaction: few enough to be written well within its time-out.
_CHUNK_RECORDS, _CHUNK_BYTES = 1_000, 16 * 1024 * 1024
# What a batch (61 bytes) and a record in it (at most 28, and 10 a header) add to key, value and headers: Kafka's record format, version 2.
_FRAME_BYTES = 128
_CALL_S = 2.0
_PATIENCE_S = 60.0
_ANSWER_S = 30


class RedriveError(ReadingError):
    """A redrive ended before its end; the text says how many were sent."""


@dataclass(frozen=True)
class RedriveResult:
    """What became of the chosen dead letters; chosen = to_send + already + unknown + expired + too_large. `sent`: acknowledged by Kafka.

    missing: places that were asked for and have no dead letter.
    already: sent by an earlier redrive, or the second dead letter of one record. unknown: its headers name no record of a partition of
    `transactions`. expired: that record is no longer there. too_large: with its headers it is more than the topic takes.
    """

    missing: int = 0
    chosen: int = 0
    to_send: int = 0
    sent: int = 0
    already: int = 0
    unknown: int = 0
    expired: int = 0
    too_large: int = 0


def redrive(
    connection: Connection, choice: Choice, *, dry_run: bool, progress: Progress
) -> RedriveResult:
    """Sends the chosen dead letters back, or finds out what it would send. Running it again sends nothing twice.

    `progress` takes (topic, records read, offsets to read). Raises RedriveError, ReadingError, KafkaException.
    """
    producer = None if dry_run else _opened(connection)
    plan, places = _plan(connection, choice, progress)
    if producer is None or not places:
        return plan
    sent = 0
    try:
        for chunk in _chunks(
            _first_of_each(dead_letters.read(connection, choice, progress), places)
        ):
            _send(connection, producer, chunk)
            sent += len(chunk)
    except KafkaException as error:
        with contextlib.suppress(KafkaException):
            producer.abort_transaction(_CALL_S)
        raise RedriveError(
            f"{sent} of {len(places)} were sent, then: {_reason(error.args[0])}; run it again: what was sent is skipped"
        ) from None
    return replace(plan, sent=sent)


def _opened(connection: Connection) -> Producer:
    """A producer that has fenced every other redrive; after that, what those have sent is committed or will never be."""
    producer = Producer(
        connection.writer(producer_settings(connection.named(REDRIVE_TRANSACTIONAL_ID)))
    )
    producer.init_transactions(_PATIENCE_S)
    return producer


def _plan(
    connection: Connection, choice: Choice, progress: Progress
) -> tuple[RedriveResult, set[Position]]:
    """What there is to do, and the places of the records to send."""
    cluster = Cluster(connection)
    numbers = cluster.partitions(TRANSACTIONS)[TRANSACTIONS]
    counts, places, missing = Counter[str](), set[Position](), set(choice.sources)
    for letter in dead_letters.read(connection, choice, progress):
        counts["chosen"] += 1
        if letter.source is None or letter.source[0] not in numbers:
            counts["unknown"] += 1
            continue
        missing.discard(letter.source)
        if _record_bytes(letter, _headers(connection, letter.source)) > MAX_RECORD_BYTES:
            counts["too_large"] += 1
        else:
            places.add(letter.source)
    places -= _sent_already(connection, places, progress)
    earliest = cluster.earliest(
        TRANSACTIONS, numbers
    )  # only now: what is there after the reading was there all the time
    expired = {(partition, offset) for partition, offset in places if offset < earliest[partition]}
    places -= expired
    already = (
        counts["chosen"] - counts["unknown"] - counts["too_large"] - len(expired) - len(places)
    )
    return RedriveResult(
        **counts, missing=len(missing), to_send=len(places), already=already, expired=len(expired)
    ), places


def _sent_already(
    connection: Connection, places: set[Position], progress: Progress
) -> set[Position]:
    begin: Offsets = {}
    for partition, offset in places:
        begin[partition] = min(offset + 1, begin.get(partition, offset + 1))
    end = _high_watermarks(connection, list(begin)) if begin else {}
    topic, found = connection.named(TRANSACTIONS).encode(), set()
    for message in chain.from_iterable(
        read_with_progress(connection, TRANSACTIONS, begin, end, progress)
    ):
        headers = dict(message.headers() or [])
        if headers.get("redriven.topic") == topic:
            with contextlib.suppress(KeyError, TypeError, ValueError):  # anybody may write headers
                found.add((int(headers["redriven.partition"]), int(headers["redriven.offset"])))
    return places & found


def _high_watermarks(connection: Connection, partitions: list[int]) -> Offsets:
    """The ends of `transactions`, open transactions of others included: a redriven record may lie behind those, and is waited for."""
    admin = AdminClient(connection.config())  # to be kept: its requests end with it
    asked = {
        TopicPartition(connection.named(TRANSACTIONS), partition): OffsetSpec.latest()
        for partition in partitions
    }
    answers = admin.list_offsets(
        asked, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=_ANSWER_S
    )
    return {position.partition: answer.result().offset for position, answer in answers.items()}


def _first_of_each(
    letters: Iterable[DeadLetter], places: set[Position]
) -> Iterator[tuple[Position, DeadLetter]]:
    left = set(places)
    for letter in letters:
        if letter.source in left:
            left.remove(letter.source)
            yield letter.source, letter


def _chunks(
    letters: Iterable[tuple[Position, DeadLetter]],
) -> Iterator[list[tuple[Position, DeadLetter]]]:
    chunk: list[tuple[Position, DeadLetter]] = []
    size = 0
    for place, letter in letters:
        chunk.append((place, letter))
        size += letter.size
        if len(chunk) >= _CHUNK_RECORDS or size >= _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _send(
    connection: Connection, producer: Producer, chunk: list[tuple[Position, DeadLetter]]
) -> None:
    """One Kafka transaction. An uncertain commit is asked for again: the broker may have carried it out."""
    producer.begin_transaction()
    for place, letter in chunk:
        producer.produce(
            connection.named(TRANSACTIONS),
            letter.value,
            letter.key,
            place[0],
            headers=_headers(connection, place),
        )
    deadline = monotonic() + _PATIENCE_S
    while True:
        try:
            producer.commit_transaction(_CALL_S)
        except KafkaException as error:
            if not error.args[0].retriable() or monotonic() > deadline:
                raise
        else:
            return


def _headers(connection: Connection, place: Position) -> Headers:
    partition, offset = place
    return own_headers() | {
        "redriven.topic": connection.named(TRANSACTIONS).encode(),
        "redriven.partition": b"%d" % partition,
        "redriven.offset": b"%d" % offset,
    }


def _record_bytes(letter: DeadLetter, headers: Headers) -> int:
    return (
        _FRAME_BYTES
        + letter.size
        + len(letter.key or b"")
        + sum(len(name) + len(value) for name, value in headers.items())
    )


def _reason(error: KafkaError) -> str:
    if error.code() in (
        KafkaError._FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.PRODUCER_FENCED,
    ):
        return "another redrive was started"
    return str(error.str())
