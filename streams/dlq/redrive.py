"""Sends dead letters back to `transactions`, each of them once.

A redriven record carries the position of the rejected record in its headers (`redriven.topic`,
`redriven.partition`, `redriven.offset`) and goes to the same partition, so it can only come after
it. Before sending, a redrive reads each such partition from the oldest chosen record to the end
and skips the positions that were sent already: where a record has these headers and the dead
letter's key and value. Headers alone prove nothing, because any client may write them.

All redrives share one transactional id. A second redrive fences the first before it reads, and
Kafka aborts what a killed one left open. Only acknowledged records are reported as sent.

Once `transactions` has expired the rejected record, nothing shows whether it was sent again. Such
dead letters are not sent.
"""

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import chain

import msgspec
from confluent_kafka import KafkaError, KafkaException, Producer
from tenacity import Retrying, retry_if_exception, stop_after_delay

from streams.dlq import dead_letters
from streams.dlq.dead_letters import Choice, DeadLetter
from streams.kafka.cluster import Cluster, Offsets
from streams.kafka.committer import make_producer_settings
from streams.kafka.connection import Connection
from streams.kafka.errors import ReadingError
from streams.kafka.messages import Headers, Position
from streams.kafka.reader import ReadProgress, read_with_progress
from streams.kafka.topics import MAX_RECORD_BYTES, REDRIVE_TRANSACTIONAL_ID, TRANSACTIONS

# One Kafka transaction, small enough to be written well within its time-out.
_CHUNK_RECORDS = 1_000
_CHUNK_BYTES = 16 * 1024 * 1024
# Added by Kafka's record format, version 2: 61 bytes a batch, at most 28 a record and 10 a header.
_FRAME_BYTES = 128
_CALL_S = 2.0
_PATIENCE_S = 60.0
_DIGEST_BYTES = 16


class RedriveError(ReadingError):
    """A redrive stopped early; the text says how many records were sent."""


@dataclass(frozen=True)
class RedriveResult:
    """Counts of dead letters; chosen = to_send + already + unknown + expired + too_large.

    missing: positions asked for that have no dead letter.
    sent: acknowledged by Kafka.
    already: sent by an earlier redrive, or another dead letter of the same record.
    unknown: the headers name no record of a partition of `transactions`.
    expired: the rejected record is no longer on `transactions`.
    too_large: with the new headers, it exceeds the topic's limit.
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
    connection: Connection, choice: Choice, *, dry_run: bool, progress: ReadProgress
) -> RedriveResult:
    """Send the chosen dead letters back; with `dry_run`, only count them.

    Running it again sends nothing twice. Raises RedriveError, ReadingError, KafkaException.
    """
    producer = None if dry_run else _open_producer(connection)
    plan, positions = _plan(connection, choice, progress)
    if producer is None or not positions:
        return plan
    sent = 0
    letters = dead_letters.read(connection, choice, progress)
    try:
        for chunk in _split_into_chunks(_take_first_of_each(letters, positions)):
            _send(connection, producer, chunk)
            sent += len(chunk)
    except KafkaException as error:
        with contextlib.suppress(KafkaException):
            producer.abort_transaction(_CALL_S)
        raise RedriveError(
            f"{sent} of {len(positions)} were sent, then: {_explain(error.args[0])}; "
            "run it again: it skips what was sent"
        ) from None
    return replace(plan, sent=sent)


def _open_producer(connection: Connection) -> Producer:
    """Return a producer that has fenced every other redrive, and so ended their transactions."""
    producer = Producer(
        connection.make_writer_config(
            make_producer_settings(connection.qualify(REDRIVE_TRANSACTIONAL_ID))
            | {"compression.type": "none"}  # the broker stores `transactions` uncompressed
        )
    )
    producer.init_transactions(_PATIENCE_S)
    return producer


def _plan(
    connection: Connection, choice: Choice, progress: ReadProgress
) -> tuple[RedriveResult, set[Position]]:
    """Return the counts before sending, and the positions of the records to send."""
    cluster = Cluster(connection)
    partitions = cluster.list_partitions(TRANSACTIONS)[TRANSACTIONS]
    counts = Counter[str]()
    digests: dict[Position, bytes] = {}
    missing = set(choice.origins)
    for letter in dead_letters.read(connection, choice, progress):
        counts["chosen"] += 1
        if letter.origin is None or letter.origin[0] not in partitions:
            counts["unknown"] += 1
            continue
        missing.discard(letter.origin)
        if _count_bytes(letter, _make_headers(connection, letter.origin)) > MAX_RECORD_BYTES:
            counts["too_large"] += 1
        else:
            digests.setdefault(letter.origin, _hash(letter.key, letter.value))
    positions = set(digests) - _find_sent(connection, digests, progress)
    # Asked last: what is still there now was there during the whole read.
    earliest = cluster.find_earliest(TRANSACTIONS, partitions)
    expired = {(number, offset) for number, offset in positions if offset < earliest[number]}
    positions -= expired
    already = (
        counts["chosen"] - counts["unknown"] - counts["too_large"] - len(expired) - len(positions)
    )
    result = RedriveResult(
        **counts,
        missing=len(missing),
        to_send=len(positions),
        already=already,
        expired=len(expired),
    )
    return result, positions


def _find_sent(
    connection: Connection, digests: dict[Position, bytes], progress: ReadProgress
) -> set[Position]:
    """Return the positions that an earlier redrive has sent, of those with these digests.

    A redriven record may come after another producer's open transaction; the read waits for it.
    """
    begin: Offsets = {}
    for partition, offset in digests:
        begin[partition] = min(offset + 1, begin.get(partition, offset + 1))
    cluster = Cluster(connection)
    end = cluster.find_high_watermarks(TRANSACTIONS, list(begin)) if begin else {}
    topic = connection.qualify(TRANSACTIONS).encode()
    sent = set[Position]()
    for message in chain.from_iterable(
        read_with_progress(connection, TRANSACTIONS, begin, end, progress)
    ):
        headers = dict(message.headers() or [])
        if headers.get("redriven.topic") == topic:
            with contextlib.suppress(KeyError, TypeError, ValueError):  # anyone may write headers
                origin = (int(headers["redriven.partition"]), int(headers["redriven.offset"]))
                if digests.get(origin) == _hash(message.key(), message.value()):
                    sent.add(origin)
    return sent


def _hash(key: bytes | None, value: bytes | None) -> bytes:
    """Return a digest of a record's key and value, which tells null from empty bytes."""
    return blake2b(msgspec.msgpack.encode((key, value)), digest_size=_DIGEST_BYTES).digest()


def _take_first_of_each(
    letters: Iterable[DeadLetter], positions: set[Position]
) -> Iterator[tuple[Position, DeadLetter]]:
    """Yield the first dead letter of each position."""
    left = set(positions)
    for letter in letters:
        if letter.origin in left:
            left.remove(letter.origin)
            yield letter.origin, letter


def _split_into_chunks(
    letters: Iterable[tuple[Position, DeadLetter]],
) -> Iterator[list[tuple[Position, DeadLetter]]]:
    chunk: list[tuple[Position, DeadLetter]] = []
    size = 0
    for position, letter in letters:
        chunk.append((position, letter))
        size += letter.size
        if len(chunk) >= _CHUNK_RECORDS or size >= _CHUNK_BYTES:
            yield chunk
            chunk = []
            size = 0
    if chunk:
        yield chunk


def _send(
    connection: Connection, producer: Producer, chunk: list[tuple[Position, DeadLetter]]
) -> None:
    """Send one Kafka transaction; repeat an uncertain commit, which the broker may have applied."""
    producer.begin_transaction()
    for position, letter in chunk:
        producer.produce(
            connection.qualify(TRANSACTIONS),
            letter.value,
            letter.key,
            position[0],
            headers=_make_headers(connection, position),
        )
    Retrying(
        retry=retry_if_exception(_is_retriable), stop=stop_after_delay(_PATIENCE_S), reraise=True
    )(producer.commit_transaction, _CALL_S)


def _is_retriable(error: BaseException) -> bool:
    # not `is_transient`, for the reason given in `classify`
    return isinstance(error, KafkaException) and bool(error.args[0].retriable())


def _make_headers(connection: Connection, position: Position) -> Headers:
    partition, offset = position
    return {
        "redriven.topic": connection.qualify(TRANSACTIONS).encode(),
        "redriven.partition": b"%d" % partition,
        "redriven.offset": b"%d" % offset,
    }


def _count_bytes(letter: DeadLetter, headers: Headers) -> int:
    """Return an upper bound of the size of the redriven record's batch."""
    header_bytes = sum(len(name) + len(value) for name, value in headers.items())
    return _FRAME_BYTES + letter.size + len(letter.key or b"") + header_bytes


def _explain(error: KafkaError) -> str:
    # `classify` does not tell a fenced producer from other fatal errors
    if error.code() in (
        KafkaError._FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.PRODUCER_FENCED,
    ):
        return "another redrive was started"
    return str(error.str())
