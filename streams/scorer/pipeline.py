"""The commit side of a worker: one transaction at a time, on a thread of its own, while the next batch is being scored."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn, Protocol

from confluent_kafka import KafkaException

from streams.kafka.codec import Output
from streams.kafka.committer import BatchAbortedError
from streams.scorer.batch import Batch, InFlight, ScoredBatch
from streams.scorer.dead_letter_limit import DeadLetterLimit

log = logging.getLogger(__name__)

MAX_ABORTS_IN_A_ROW = 10


class Committer(Protocol):
    """What makes outputs and offsets visible together, in two steps: one that computes, and one that waits for the cluster."""

    def write(self, outputs: list[Output]) -> None: ...  # noqa: D102
    def commit(self, offsets: Mapping[int, int], group_metadata: Any) -> None: ...  # noqa: D102
    def abort(self, error: KafkaException) -> NoReturn: ...  # noqa: D102


class BatchGapError(RuntimeError):
    """A batch disappeared between the consumer and the commit: committing the next one would lose it."""


class CommitPipeline:
    """Commits scored batches in their order.

    `on_failure` is told of what the process may not survive. A batch that goes beyond `limit` ends the process before it is committed.
    """

    def __init__(
        self,
        committer: Committer,
        in_flight: InFlight,
        on_committed: Callable[[ScoredBatch], None],
        on_failure: Callable[[BaseException], None],
        limit: DeadLetterLimit,
    ) -> None:
        self._committer = committer
        self._in_flight = in_flight
        self._on_committed = on_committed
        self._on_failure = on_failure
        self._limit = limit
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="commit")
        self._running: asyncio.Future[None] | None = None
        self._expected = (0, 0)  # epoch and number of the next batch
        self._aborts = 0
        self._failed = False

    def drop_if_stale(self, batch: Batch) -> bool:
        """Whether the batch's epoch is over; if so it is taken off the count."""
        if batch.epoch == self._in_flight.epoch and not self._failed:
            return False
        self._in_flight.remove()
        return True

    async def submit(self, scored: ScoredBatch) -> None:
        """Writes the batch as soon as the previous one is committed, starts its commit, and returns then.

        The writing stays on the caller's thread: each message gives the interpreter's lock away for a moment, and beside a thread that
        scores it would wait a whole time slice to get it back.
        """
        if self._running is not None:
            await self._running
        if self.drop_if_stale(scored.batch):
            return
        try:
            self._check_order(scored.batch)
            self._limit.check(scored)
            refused = self._write(scored)
        except Exception as error:
            self._fail(error)
            self._in_flight.remove()
        else:
            self._running = asyncio.get_running_loop().run_in_executor(
                self._thread, self._commit, scored, refused
            )

    def _write(self, scored: ScoredBatch) -> KafkaException | None:
        try:
            self._committer.write(scored.outputs)
        except KafkaException as error:  # an abort waits for the cluster: for the other thread
            return error
        return None

    def fail(self, batch: Batch, error: Exception) -> None:
        """The batch could not be scored: the process ends, and the batch stays uncommitted."""
        log.error("batch %d of %d records was not scored", batch.number, len(batch.records))
        self._fail(error)
        self._in_flight.remove()

    def _commit(self, scored: ScoredBatch, refused: KafkaException | None) -> None:
        try:
            if refused is not None:
                self._committer.abort(refused)
            self._committer.commit(scored.next_offsets(), scored.batch.group_metadata)
            self._aborts = 0
            self._limit.record(scored)
            self._on_committed(scored)
        except BatchAbortedError as error:
            self._aborts += 1
            log.warning("transaction aborted, reading again from the committed offsets: %s", error)
            if self._aborts >= MAX_ABORTS_IN_A_ROW:
                self._fail(error)
            self._in_flight.end_epoch()
        except BaseException as error:  # nothing may pass unseen: the process ends
            self._fail(error)
        finally:
            self._in_flight.remove()

    def _check_order(self, batch: Batch) -> None:
        epoch, number = self._expected
        number = number if batch.epoch == epoch else 0
        if batch.number != number:
            raise BatchGapError(f"batch {batch.number} came where {number} was expected")
        self._expected = (batch.epoch, number + 1)

    def _fail(self, error: BaseException) -> None:
        self._failed = True
        self._on_failure(error)
