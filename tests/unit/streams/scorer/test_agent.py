"""The scoring agent, driven through Faust's own test context: no broker."""

import asyncio
import contextlib

import pytest
from support.data.transactions import make_transaction_bytes
from support.fakes import NOW, FakeModel, FakeSink, make_batch

from streams.scorer.agent import QUEUED_BATCHES, create_app
from streams.scorer.batch import ScoredBatch
from streams.scorer.scoring import Scorer

SEVEN = make_batch(*map(make_transaction_bytes, range(7)))


class Broken(FakeModel):
    def compute_margins(self, rows):
        raise RuntimeError("no memory")


class DoesNothing:
    """The mutant: an agent whose scorer has no output."""

    def score(self, batch):
        return ScoredBatch(batch)


def drive(scorer, *batches):
    """Send the batches to the agent and return the sink."""

    async def run():
        sink = FakeSink()
        app, _ = create_app("test", scorer, sink)
        app.flow_control.resume()
        async with app.agents["score"].test_context() as agent:
            for batch in batches:
                await asyncio.wait_for(agent.put(batch), 10)
        return sink

    return asyncio.run(run())


class Waiting(FakeSink):
    """A sink whose commit takes until `gate` opens."""

    def __init__(self):
        super().__init__()
        self.gate = asyncio.Event()

    async def submit(self, scored):
        await self.gate.wait()
        await super().submit(scored)


def with_a_slow_commit(body):
    """Run `body(app, channel, sink)` with a started agent whose sink waits."""

    async def run():
        sink = Waiting()
        app, channel = create_app("test", Scorer(FakeModel(), lambda: NOW), sink)
        await app.start()
        app.flow_control.resume()
        try:
            return await body(app, channel, sink)
        finally:
            await app.stop()

    return asyncio.run(run())


def test_a_slow_commit_stops_the_reading():
    async def body(app, channel, sink):
        taken = 0
        with contextlib.suppress(TimeoutError):
            while taken < 100:
                await asyncio.wait_for(channel.put(make_batch(make_transaction_bytes(taken))), 0.5)
                taken += 1
        return taken

    assert with_a_slow_commit(body) == QUEUED_BATCHES + 1


def test_queued_batches_survive_a_rebalance_of_fausts_own():
    async def body(app, channel, sink):
        batches = [make_batch(make_transaction_bytes(i)) for i in range(QUEUED_BATCHES + 1)]
        for batch in batches:
            await channel.put(batch)
        app.flow_control.suspend()
        app.flow_control.resume()
        sink.gate.set()
        while len(sink.submitted) < len(batches):
            await asyncio.sleep(0)
        return [scored.batch for scored in sink.submitted] == batches

    assert with_a_slow_commit(lambda *arguments: asyncio.wait_for(body(*arguments), 10))


def predictions(sink):
    return [
        output
        for scored in sink.submitted
        for output in scored.outputs
        if output.topic == "predictions"
    ]


def test_one_batch_gives_one_prediction_a_transaction():
    sink = drive(Scorer(FakeModel(), lambda: NOW), SEVEN)
    assert len(predictions(sink)) == 7
    assert sink.failures == []


def test_an_agent_that_does_nothing_yields_no_prediction():
    assert predictions(drive(DoesNothing(), SEVEN)) == []


def test_a_batch_of_an_ended_epoch_is_not_scored():
    old, new = make_batch(make_transaction_bytes(1)), make_batch(make_transaction_bytes(2))
    old.epoch = -1
    sink = drive(Scorer(FakeModel(), lambda: NOW), old, new)
    assert [scored.batch for scored in sink.submitted] == [new]


def test_an_exception_leaves_the_agent_by_the_sink_and_not_by_a_silent_restart():
    sink = drive(Scorer(Broken(), lambda: NOW), make_batch(make_transaction_bytes(1)))
    assert [type(error).__name__ for error in sink.failures] == ["ScoringFailedError"]


@pytest.mark.parametrize("count", [1, 3])
def test_batches_reach_the_sink_in_their_order(count):
    batches = [make_batch(make_transaction_bytes(i)) for i in range(count)]
    sink = drive(Scorer(FakeModel(), lambda: NOW), *batches)
    assert [scored.batch for scored in sink.submitted] == batches
