"""The Faust app: one agent, on a channel of batches.

Faust provides the agent's lifecycle and test context. Its own Kafka clients stay off. A
confluent-kafka consumer delivers the records in batches, so Faust costs per batch instead of per
record, and no rebalance of a Faust client can touch them.
"""

from collections.abc import AsyncIterator
from typing import Any, Protocol

import faust
from faust.app.base import BootStrategy

from streams.scorer.batch import Batch, ScoredBatch

# In addition to one batch being scored and one being committed: never too few, and bounded memory.
QUEUED_BATCHES = 2


class _WithoutKafka(BootStrategy):  # type: ignore[misc]  # faust is untyped
    enable_kafka = False


class _App(faust.App):  # type: ignore[misc]  # faust is untyped
    BootStrategy = _WithoutKafka

    def _create_directories(self) -> None:
        """Create no folder; Faust would create one in the working directory for tables."""


class BatchChannel(faust.Channel):  # type: ignore[misc]  # faust is untyped
    """A channel with a bounded queue that keeps its items.

    An agent reads from a clone of its channel; each clone creates its queue here. Faust's own queue
    holds 4,096 items, so nothing would wait, and is cleared whenever flow control resumes.
    """

    _queue: Any

    @property
    def queue(self) -> Any:
        """The queue of this clone, created at the first access."""
        if self._queue is None:
            self._queue = self.app.FlowControlQueue(maxsize=QUEUED_BATCHES, clear_on_resume=False)
        return self._queue


class BatchScorer(Protocol):
    """streams.scorer.scoring.Scorer, or a fake."""

    def score(self, batch: Batch) -> ScoredBatch: ...  # noqa: D102


class Sink(Protocol):
    """streams.scorer.pipeline.CommitPipeline, or a fake."""

    def drop_if_stale(self, batch: Batch) -> bool: ...  # noqa: D102
    async def submit(self, scored: ScoredBatch) -> None: ...  # noqa: D102
    def fail(self, batch: Batch, error: Exception) -> None: ...  # noqa: D102


def create_app(name: str, scorer: BatchScorer, sink: Sink) -> tuple[Any, Any]:
    """Return the app and the channel from which its agent `score` reads batches."""
    app = _App(name, broker="kafka://127.0.0.1:9", web_enabled=False)
    channel = BatchChannel(app)

    @app.agent(channel, name="score")  # type: ignore[untyped-decorator]
    async def score(batches: AsyncIterator[Batch]) -> AsyncIterator[int]:
        async for batch in batches:
            try:
                if not sink.drop_if_stale(batch):
                    await sink.submit(scorer.score(batch))
            except Exception as error:  # Faust would silently restart the agent without this batch
                sink.fail(batch, error)
            yield len(batch.records)

    return app, channel
