"""The Faust app: one agent, on a channel of batches.

Faust gives the agent its lifecycle and its test context. Its own Kafka clients stay off: records come from a confluent-kafka
consumer in batches, so that Faust's cost is paid a batch instead of a record, and no rebalance of a client of Faust's can reach them.
"""

from collections.abc import AsyncIterator
from typing import Any, Protocol

import faust
from faust.app.base import BootStrategy

from streams.scorer.batch import Batch, ScoredBatch

QUEUED_BATCHES = 2  # one being scored, one being committed, and these: enough to never wait, little enough to bound memory


class _WithoutKafka(BootStrategy):  # type: ignore[misc]  # faust is untyped
    enable_kafka = False


class _App(faust.App):  # type: ignore[misc]  # faust is untyped
    BootStrategy = _WithoutKafka

    def _create_directories(self) -> None:
        """No table, no folder: Faust would make one in the working directory."""


class BatchChannel(faust.Channel):  # type: ignore[misc]  # faust is untyped
    """A channel whose queue is bounded and keeps its items.

    An agent reads from a clone of its channel, and a clone makes its queue here. Faust's own holds 4,096 items, which nothing would
    wait for, and is emptied whenever flow control resumes.
    """

    _queue: Any

    @property
    def queue(self) -> Any:
        """The queue of this clone, made when it is first asked for."""
        if self._queue is None:
            self._queue = self.app.FlowControlQueue(maxsize=QUEUED_BATCHES, clear_on_resume=False)
        return self._queue


class BatchScorer(Protocol):
    """streams.scorer.scoring.Scorer, or a test's."""

    def score(self, batch: Batch) -> ScoredBatch: ...  # noqa: D102


class Sink(Protocol):
    """streams.scorer.pipeline.CommitPipeline, or a test's."""

    def drop_if_stale(self, batch: Batch) -> bool: ...  # noqa: D102
    async def submit(self, scored: ScoredBatch) -> None: ...  # noqa: D102
    def fail(self, batch: Batch, error: Exception) -> None: ...  # noqa: D102


def create_app(name: str, scorer: BatchScorer, sink: Sink) -> tuple[Any, Any]:
    """The app and the channel that its agent `score` reads batches from."""
    app = _App(name, broker="kafka://127.0.0.1:9", web_enabled=False)
    channel = BatchChannel(app)

    @app.agent(channel, name="score")  # type: ignore[untyped-decorator]
    async def score(batches: AsyncIterator[Batch]) -> AsyncIterator[int]:
        async for batch in batches:
            try:
                if not sink.drop_if_stale(batch):
                    await sink.submit(scorer.score(batch))
            except Exception as error:  # Faust would restart the agent silently, without this batch
                sink.fail(batch, error)
            yield len(batch.records)

    return app, channel
