"""One scoring process: consumer thread -> Faust agent -> commit thread, and how it starts and stops.

On SIGTERM: stop polling, let the batches on their way commit, leave the group, stop Faust. After STOP_S what is not committed is
given up, which is safe: nothing of it was acknowledged, and whoever comes next reads it again.
"""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, Producer

from model.alert import ScoringModel
from payments.records import MAX_TRANSACTION_BYTES
from streams.kafka import topics
from streams.kafka.auth import refusal, wait_for_topics
from streams.kafka.clock import utc_now
from streams.kafka.committer import FlushingCommitter, TransactionalCommitter, producer_settings
from streams.kafka.connection import Connection
from streams.kafka.coordinator_health import CoordinatorHealth
from streams.scorer.agent import create_app
from streams.scorer.batch import Batch, InFlight, ScoredBatch
from streams.scorer.consumer import CONSUMER_SETTINGS, BatchConsumer
from streams.scorer.dead_letter_limit import DeadLetterLimit
from streams.scorer.metrics import ScorerMetrics
from streams.scorer.options import Guarantee, ScorerOptions
from streams.scorer.pipeline import CommitPipeline
from streams.scorer.scoring import Scorer
from streams.status_server import LOCAL, process_registry, serve

log = logging.getLogger(__name__)

STOP_S = 2.0  # SIGTERM to exit is promised within 5 s: this, and as long again for what is given up
_TURNS = 2  # of transactional producers: one's transaction is ended by the broker while the other's is under way
_TOPICS = (topics.TRANSACTIONS, topics.PREDICTIONS, topics.ALERTS, topics.DEAD_LETTERS)


@dataclass(frozen=True)
class Identity:
    """Who a worker is: the beginning of its transactional ids (stable over restarts), its page's port and address, its restarts so far."""

    name: str
    port: int
    restarts: int = 0
    host: str = LOCAL


class Worker:
    """Everything one scoring process owns, wired. `on_stop` is told of SIGTERM."""

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
        self._give_up = threading.Event()  # ends what would otherwise wait for the cluster for ever
        self._stopped = asyncio.Event()
        self._failure: BaseException | None = None
        self._source: BatchConsumer | None = None
        self._health: CoordinatorHealth | None = None
        self._registry = process_registry()
        self._metrics = ScorerMetrics(
            self._registry, connection.named(topics.TRANSACTIONS), model.version, identity.restarts
        )

    def run(self) -> None:
        """Scores until SIGTERM. Raises what stopped it otherwise."""
        asyncio.run(self._run())
        if self._failure is not None:
            raise self._failure

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.add_signal_handler(signal.SIGTERM, self._on_sigterm)
        close = serve(
            self._registry,
            self._identity.port,
            self._ready,
            "--metrics-port or FRAUD_METRICS_PORT",
            self._identity.host,
        )
        try:
            await asyncio.to_thread(wait_for_topics, self._connection, _TOPICS, self._stopping)
            if not self._stopping.is_set():
                await self._score()
        finally:
            close()

    async def _score(self) -> None:
        in_flight, options = InFlight(), self._options
        committer = self._committer()
        await asyncio.to_thread(committer.open)
        pipeline = CommitPipeline(
            committer,
            in_flight,
            self._committed,
            self._fail,
            DeadLetterLimit(options.max_dead_share),
        )
        app, channel = create_app(
            self._identity.name,
            Scorer(self._model, utc_now, options.max_bytes or MAX_TRANSACTION_BYTES),
            pipeline,
        )
        await app.start()
        app.flow_control.resume()  # Faust's own consumer would do so; there is none

        def deliver(batch: Batch) -> None:
            asyncio.run_coroutine_threadsafe(channel.put(batch), self._loop).result()

        self._health = CoordinatorHealth(self._fail)
        told = self._health.settings | {"error_cb": self._on_client_error}
        consumer = Consumer(self._connection.reader(topics.SCORER_GROUP, CONSUMER_SETTINGS | told))
        on_lag = lambda ranges: self._metrics.set_lag(ranges, utc_now())  # noqa: E731 - beside its one use
        self._source = BatchConsumer(
            self._connection, consumer, in_flight, deliver, self._fail, on_lag
        )
        self._source.take_done = committer.take_done
        self._source.start()
        log.info("scoring with model %s", self._model.version)
        await self._stopped.wait()
        await self._finish(self._source)
        await app.stop()

    def _committer(self) -> TransactionalCommitter | FlushingCommitter:
        if self._options.guarantee is Guarantee.AT_LEAST_ONCE:
            return FlushingCommitter(self._connection, self._give_up)
        names = (self._connection.named(f"{self._identity.name}.{turn}") for turn in range(_TURNS))
        producers = [Producer(self._connection.writer(producer_settings(name))) for name in names]
        return TransactionalCommitter(self._connection, producers, self._give_up)

    async def _finish(self, source: BatchConsumer) -> None:
        """Lets what is on its way commit, for STOP_S; then gives it up."""
        source.stop()
        await asyncio.to_thread(source.join, STOP_S)
        if source.is_alive():
            log.warning("giving up what is not committed: the broker does not answer")
            self._give_up.set()
            await asyncio.to_thread(source.join, STOP_S)

    def _ready(self) -> bool:
        has_share = self._source is not None and self._source.ready
        return (
            has_share
            and self._health is not None
            and self._health.is_up
            and not self._stopping.is_set()
        )

    def _committed(self, scored: ScoredBatch) -> None:
        self._metrics.record_commit(scored, utc_now())

    def _on_client_error(self, error: KafkaError) -> None:
        """The client gets over its errors by itself, but not over a password that was taken away: a new process reads the new one."""
        refused = refusal(error, self._connection.bootstrap_servers)
        if refused:
            self._fail(refused)

    def _on_sigterm(self) -> None:
        self._on_stop()
        self._request_stop()

    def _request_stop(self) -> None:
        self._stopping.set()
        self._stopped.set()

    def _fail(self, error: BaseException) -> None:
        """From any thread: the first failure is the one that counts."""
        if self._failure is None:
            self._failure = error
        self._give_up.set()
        self._loop.call_soon_threadsafe(self._request_stop)
