"""One scoring process: consumer thread -> Faust agent -> commit thread; its start and stop.

On SIGTERM it stops polling, commits the batches in flight, leaves the group and stops Faust. After
STOP_S it gives up what is not committed. That loses nothing: the partitions' next owner reads the
records again.
"""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model.alert import ScoringModel
from payments.decoder import MAX_TRANSACTION_BYTES
from payments.rfc3339 import count_microseconds
from streams.history.follower import HistoryReader
from streams.kafka import topics
from streams.kafka.auth import wait_for_topics
from streams.kafka.clock import get_utc_now
from streams.kafka.cluster import Cluster
from streams.kafka.committer import (
    DEADLINE_S,
    FlushingCommitter,
    TransactionalCommitter,
)
from streams.kafka.connection import Connection
from streams.kafka.group_consumer import GroupConsumer
from streams.kafka.messages import Position
from streams.kafka.unowned_partitions import UnownedPartitions
from streams.scorer.agent import create_app
from streams.scorer.batch import Batch, InFlight, ScoredBatch
from streams.scorer.consumer import CONSUMER_SETTINGS, BatchConsumer
from streams.scorer.dead_letter_limit import DeadLetterLimit
from streams.scorer.group_positions import GroupPositions
from streams.scorer.history_keeper import HistoryKeeper
from streams.scorer.metrics import ScorerMetrics
from streams.scorer.options import PORT_SETTING, Guarantee, ScorerOptions
from streams.scorer.pipeline import CommitPipeline
from streams.scorer.rejection_log import RejectionLog
from streams.scorer.scoring import Scorer
from streams.scorer.topic_watch import SCORER_TOPICS, TopicWatch
from streams.status_server import LOCAL, make_process_registry, serve

if TYPE_CHECKING:
    from streams.history.state import History

log = logging.getLogger(__name__)

# The exit is promised within 5 s of SIGTERM: STOP_S to finish and STOP_S to give up the rest.
STOP_S = 2.0
# Transactional producers: the broker completes the transaction of one during that of the other.
_PRODUCERS = 2


@dataclass(frozen=True)
class Identity:
    """A worker's name (which begins its transactional ids and is stable over restarts) and address.

    `port` and `host` are those of its status page; `restarts` counts its restarts so far.
    """

    name: str
    port: int
    restarts: int = 0
    host: str = LOCAL


class Worker:
    """Builds and runs everything in one scoring process. `on_stop` is called on SIGTERM."""

    def __init__(
        self,
        connection: Connection,
        model: ScoringModel,
        identity: Identity,
        options: ScorerOptions,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        self._connection = connection
        self._model = model
        self._identity = identity
        self._options = options
        self._on_stop = on_stop
        self._stopping = threading.Event()
        self._give_up = threading.Event()  # ends every wait for the cluster
        self._stopped = asyncio.Event()
        self._failure: BaseException | None = None
        self._consumer: BatchConsumer | None = None
        self._history: HistoryKeeper | None = None
        self._unowned: UnownedPartitions | None = None
        self._in_flight = InFlight()
        self._rejections = RejectionLog()
        self._registry = make_process_registry()
        self._metrics = ScorerMetrics(
            self._registry,
            connection.qualify(topics.TRANSACTIONS),
            model,
            identity.restarts,
        )

    def run(self) -> None:
        """Score until SIGTERM. Raises the first error that stops the worker."""
        asyncio.run(self._run())
        if self._failure is not None:
            raise self._failure

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.add_signal_handler(signal.SIGTERM, self._on_sigterm)
        close = serve(
            self._registry,
            self._identity.port,
            self._is_ready,
            PORT_SETTING,
            self._identity.host,
            self._healthy,
        )
        try:
            await asyncio.to_thread(
                wait_for_topics, self._connection, SCORER_TOPICS, self._stopping
            )
            if not self._stopping.is_set():
                await self._score()
        finally:
            close()

    async def _score(self) -> None:
        cluster = Cluster(self._connection)
        watch = TopicWatch(self._connection, cluster, self._stopping, self._fail)
        committer = self._make_committer(watch.metadata)
        await asyncio.to_thread(committer.open)
        refused: dict[Position, str] = {}
        pipeline = CommitPipeline(
            committer,
            self._in_flight,
            self._record_commit,
            self._fail,
            DeadLetterLimit(self._options.max_dead_share),
            refused,
        )
        max_bytes = self._options.max_bytes or MAX_TRANSACTION_BYTES
        self._history, state = self._make_history()
        scorer = Scorer(self._model, get_utc_now, max_bytes, refused, state)
        app, channel = create_app(self._identity.name, scorer, pipeline)

        def deliver(batch: Batch) -> None:
            asyncio.run_coroutine_threadsafe(channel.put(batch), self._loop).result()

        unowned = UnownedPartitions(
            cluster, topics.SCORER_GROUP, topics.TRANSACTIONS, self._stopping
        )
        consumer = self._create_consumer(watch, deliver, committer.take_offsets_to_commit)
        try:
            await app.start()
            app.flow_control.resume()  # normally done by Faust's own consumer, which is off
            await asyncio.to_thread(watch.open)
            watch.start()
            if self._history is not None:
                await self._history.open()
            unowned.start()
            self._unowned = unowned
            consumer.start()
            self._consumer = consumer
            log.info("scoring with model %s", self._model.version)
            await self._stopped.wait()
            await self._finish(consumer)
        finally:
            await app.stop()
            if self._history is not None:
                await asyncio.to_thread(self._history.close)

    def _make_history(self) -> tuple[HistoryKeeper | None, "History | None"]:
        schema = self._model.decoder.schema
        if not schema.history_fields:
            return None, None
        from streams.history.state import History  # compiles its loops

        accept_gap = self._options.accept_history_gap
        now_ms = count_microseconds(get_utc_now()) // 1000
        state = History(schema, now_ms, self._options.history_key, accept_gap)
        keeper = HistoryKeeper(
            HistoryReader(self._connection),
            state,
            self._in_flight,
            self._loop,
            self._fail,
            self._stopping,
        )
        return keeper, state

    def _make_committer(
        self, metadata: Mapping[int, str]
    ) -> TransactionalCommitter | FlushingCommitter:
        if self._options.guarantee is Guarantee.AT_LEAST_ONCE:
            return FlushingCommitter(self._connection, self._give_up)
        names = [f"{self._identity.name}.{number}" for number in range(_PRODUCERS)]
        return TransactionalCommitter(self._connection, names, self._give_up, metadata=metadata)

    def _create_consumer(
        self,
        watch: TopicWatch,
        deliver: Callable[[Batch], None],
        take_offsets_to_commit: Callable[[], dict[int, int]],
    ) -> BatchConsumer:
        group = GroupConsumer(
            self._connection,
            topics.SCORER_GROUP,
            topics.TRANSACTIONS,
            CONSUMER_SETTINGS,
            self._fail,
        )

        def on_lag(ranges: dict[int, tuple[int, int]]) -> None:
            # the lag of partitions that nobody reads too: they would have no series at all
            unowned = self._unowned.ranges if self._unowned else {}
            self._metrics.set_lag({**unowned, **ranges}, get_utc_now())
            self._metrics.set_open_transactions(group.find_open_transactions(), get_utc_now())
            self._rejections.tick()

        return BatchConsumer(
            GroupPositions(group, watch, self._history),
            self._in_flight,
            deliver,
            self._fail,
            on_lag,
            take_offsets_to_commit,
        )

    async def _finish(self, consumer: BatchConsumer) -> None:
        """Let the batches in flight commit for STOP_S seconds, then give them up."""
        consumer.stop()
        await asyncio.to_thread(consumer.join, STOP_S)
        if consumer.is_alive():
            log.warning("giving up what is not committed: the broker does not answer")
            self._give_up.set()
            await asyncio.to_thread(consumer.join, STOP_S)

    def _healthy(self) -> bool:
        """Return whether batches make progress; if not, the process should have ended by itself."""
        return self._in_flight.stalled_s < DEADLINE_S

    def _is_ready(self) -> bool:
        if self._consumer is None or self._unowned is None or self._stopping.is_set():
            return False
        return self._consumer.ready and not self._unowned.ranges

    def _record_commit(self, scored: ScoredBatch) -> None:
        if self._history is not None:
            self._history.record_commit(scored)
        self._metrics.record_commit(scored, get_utc_now())
        self._rejections.record(scored)

    def _on_sigterm(self) -> None:
        self._on_stop()
        self._request_stop()

    def _request_stop(self) -> None:
        self._stopping.set()
        self._stopped.set()

    def _fail(self, error: BaseException) -> None:
        """Stop because of `error`, from any thread.

        The first error is the one that `run` raises.
        """
        if self._failure is None:
            self._failure = error
        self._give_up.set()
        self._loop.call_soon_threadsafe(self._request_stop)
