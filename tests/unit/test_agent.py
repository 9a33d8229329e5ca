"""The scoring agent, driven through Faust's own test context: no broker."""

import asyncio

import pytest
from fakes import NOW, FakeModel, FakeSink, batch_of
from support import transaction_bytes

from streams.app import create_app
from streams.batch import Scored
from streams.scoring import Scorer


class DoesNothing:
    """The mutant: an agent whose scorer has no output."""

    def score(self, batch):
        return Scored(batch)


def drive(scorer, *batches):
    """Puts batches to the agent, one after the other, and returns the sink."""

    async def run():
        sink = FakeSink()
        app, _ = create_app("test", scorer, sink)
        app.flow_control.resume()
        async with app.agents["score"].test_context() as agent:
            for batch in batches:
                await asyncio.wait_for(agent.put(batch), 10)
        return sink

    return asyncio.run(run())


def predictions(sink):
    return [output for scored in sink.submitted for output in scored.outputs if output.topic == "predictions"]


def test_one_batch_gives_one_prediction_a_transaction():
    sink = drive(Scorer(FakeModel(), lambda: NOW), batch_of(*map(transaction_bytes, range(7))))
    assert len(predictions(sink)) == 7
    assert sink.failures == []


def test_an_agent_that_does_nothing_yields_no_prediction():
    assert predictions(drive(DoesNothing(), batch_of(*map(transaction_bytes, range(7))))) == []


def test_a_batch_of_an_ended_epoch_is_not_scored():
    old, new = batch_of(transaction_bytes(1)), batch_of(transaction_bytes(2))
    old.epoch = -1
    sink = drive(Scorer(FakeModel(), lambda: NOW), old, new)
    assert [scored.batch for scored in sink.submitted] == [new]


def test_an_exception_leaves_the_agent_by_the_sink_and_not_by_a_silent_restart():
    sink = drive(Scorer(FakeModel(), lambda: NOW), batch_of(*(transaction_bytes(i, V2=666.0) for i in range(2))))
    assert [type(error).__name__ for error in sink.failures] == ["ModelFailedError"]


@pytest.mark.parametrize("count", [1, 3])
def test_batches_reach_the_sink_in_their_order(count):
    batches = [batch_of(transaction_bytes(i)) for i in range(count)]
    sink = drive(Scorer(FakeModel(), lambda: NOW), *batches)
    assert [scored.batch for scored in sink.submitted] == batches
