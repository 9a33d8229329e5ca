"""The commit side of a worker: commits one batch on its own thread while the next is scored."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn, Protocol

from confluent_kafka import KafkaException

from streams.kafka.errors import BatchAbortedError, OutputRefusedError
from streams.kafka.messages import Output, Position
from streams.scorer.batch import Batch, InFlight, ScoredBatch
from streams.scorer.dead_letter_limit import DeadLetterLimit

log = logging.getLogger(__name__)

MAX_ABORTS_IN_A_ROW = 10


class Committer(Protocol):
    """Makes outputs and offsets visible: `write` computes, `commit` waits for the cluster."""

    def write(self, outputs: list[Output]) -> None: ...  # noqa: D102
    def commit(self, offsets: Mapping[int, int], group_metadata: Any) -> None: ...  # noqa: D102
    def abort(self, error: KafkaException) -> NoReturn: ...  # noqa: D102


class BatchGapError(RuntimeError):
    """A batch is missing between consumer and commit; committing the next one would lose it."""


class CommitPipeline:
    """Commits scored batches in order.

    `on_failure` takes the errors that must end the process. One of them is a batch that exceeds
    `limit`; it is not committed.

    If a topic refuses a batch's outputs as too large, smaller batches are read until one record is
    left. The pipeline adds that to `refused`, with the reason, and the scorer has to make it a dead
    letter. A topic that refuses this too ends the process.
    """

    def __init__(
        self,
        committer: Committer,
        in_flight: InFlight,
        on_committed: Callable[[ScoredBatch], None],
        on_failure: Callable[[BaseException], None],
        limit: DeadLetterLimit,
        refused: dict[Position, str],
    ) -> None:
        self._committer = committer
        self._in_flight = in_flight
        self._on_committed = on_committed
        self._on_failure = on_failure
        self._limit = limit
        self._refused = refused
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="commit")
        self._running: asyncio.Future[None] | None = None
        self._expected = (0, 0)  # epoch and number of the next batch
        self._aborts = 0
        self._failed = False

    def drop_if_stale(self, batch: Batch) -> bool:
        """Return whether the batch's epoch is over; if so, take the batch off the count."""
        if batch.epoch == self._in_flight.epoch and not self._failed:
            return False
        self._in_flight.remove()
        return True

    async def submit(self, scored: ScoredBatch) -> None:
        """Wait for the previous commit, write the batch, start its commit and return.

        The caller's thread writes: each message releases the interpreter's lock for a moment, and
        while another thread scores it would take a whole time slice to get it back.
        """
        if self._running is not None:
            await self._running
        if self.drop_if_stale(scored.batch):
            return
        try:
            self._check_order(scored.batch)
            self._limit.check(scored)
            write_error = self._write(scored)
        except Exception as error:
            self._fail(error)
            self._in_flight.remove()
        else:
            self._running = asyncio.get_running_loop().run_in_executor(
                self._thread, self._commit, scored, write_error
            )

    def _write(self, scored: ScoredBatch) -> KafkaException | None:
        try:
            self._committer.write(scored.outputs)
        except KafkaException as error:
            return error  # the commit thread aborts, because an abort waits for the cluster
        return None

    def fail(self, batch: Batch, error: Exception) -> None:
        """End the process, because the batch could not be scored; it stays uncommitted."""
        log.error("batch %d of %d records was not scored", batch.number, len(batch.records))
        self._fail(error)
        self._in_flight.remove()

    def _commit(self, scored: ScoredBatch, write_error: KafkaException | None) -> None:
        try:
            if write_error is not None:
                self._committer.abort(write_error)
            self._committer.commit(scored.find_next_offsets(), scored.batch.group_metadata)
            self._aborts = 0
            self._in_flight.grow_batches()
            self._forget_refused(scored)
            self._limit.record(scored)
            self._on_committed(scored)
        except (BatchAbortedError, OutputRefusedError) as error:
            if isinstance(error, OutputRefusedError):
                self._isolate(scored, error)
            else:
                self._count_abort(error)
            self._in_flight.end_epoch()
        except BaseException as error:  # no error may go unnoticed
            self._fail(error)
        finally:
            self._in_flight.remove()

    def _count_abort(self, error: BatchAbortedError) -> None:
        self._aborts += 1
        log.warning("transaction aborted, reading again from the committed offsets: %s", error)
        if self._aborts >= MAX_ABORTS_IN_A_ROW:
            self._fail(error)

    def _isolate(self, scored: ScoredBatch, error: OutputRefusedError) -> None:
        """Prepare to read the records of a refused batch again."""
        records = scored.batch.records
        log.warning("a batch of %d was not committed: %s", len(records), error)
        if len(records) > 1:
            self._aborts = 0  # it makes progress
            self._in_flight.shrink_batches(len(records))
        elif scored.dead_letters:
            self._fail(error)
        else:
            [record] = records
            self._refused[record.partition(), record.offset()] = str(error)

    def _forget_refused(self, scored: ScoredBatch) -> None:
        if self._refused:
            for record in scored.batch.records:
                self._refused.pop((record.partition(), record.offset()), None)

    def _check_order(self, batch: Batch) -> None:
        epoch, number = self._expected
        if batch.epoch != epoch:
            number = 0
        if batch.number != number:
            raise BatchGapError(f"batch {batch.number} came where {number} was expected")
        self._expected = (batch.epoch, number + 1)

    def _fail(self, error: BaseException) -> None:
        self._failed = True
        self._on_failure(error)
