"""The commit side of a worker, with a scripted committer."""

import asyncio
import threading
from collections import Counter

from support.fakes import FakeRecord, make_scored

from streams.kafka.errors import BatchAbortedError, CommitFatalError, OutputRefusedError
from streams.scorer.batch import MAX_BATCH, Batch, InFlight, ScoredBatch
from streams.scorer.dead_letter_limit import DeadLetterLimit, TooManyDeadLettersError
from streams.scorer.pipeline import MAX_ABORTS_IN_A_ROW, BatchGapError, CommitPipeline


class Committer:
    """Records offsets; raises the given errors, one per commit."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.offsets = []

    def write(self, outputs):
        pass

    def commit(self, offsets, group_metadata):
        error = self.errors.pop(0) if self.errors else None
        if error:
            raise error
        self.offsets.append(offsets)


def scored(number, epoch=0, offset=None):
    return ScoredBatch(
        Batch(epoch, number, [FakeRecord(b"", offset=number if offset is None else offset)])
    )


def submit(committer, *all_scored, in_flight=None, most=1.0, refused=None):
    """Submit all batches and wait for the last; return (in flight, committed, failures)."""
    in_flight = in_flight or InFlight()
    committed, failures = [], []

    async def run():
        pipeline = CommitPipeline(
            committer,
            in_flight,
            committed.append,
            failures.append,
            DeadLetterLimit(most),
            {} if refused is None else refused,
        )
        for one in all_scored:
            in_flight.add()
            await pipeline.submit(one)
        assert await asyncio.to_thread(in_flight.wait_until_empty, 10)

    asyncio.run(run())
    return in_flight, committed, failures


def test_batches_are_committed_in_their_order_with_their_own_offsets():
    committer = Committer()
    _, committed, failures = submit(committer, *(scored(number) for number in range(5)))
    assert committer.offsets == [{0: number + 1} for number in range(5)]
    assert [one.batch.number for one in committed] == list(range(5))
    assert failures == []


class Held(Committer):
    """Holds each commit until the test releases it."""

    def __init__(self):
        super().__init__()
        self.let_go = threading.Event()

    def commit(self, offsets, group_metadata):
        assert self.let_go.wait(10)
        super().commit(offsets, group_metadata)


def test_the_next_batch_is_scored_while_one_is_committed_and_its_commit_comes_after_that():
    committer = Held()

    async def run():
        pipeline = CommitPipeline(
            committer, InFlight(), lambda _: None, lambda _: None, DeadLetterLimit(1.0), {}
        )
        await pipeline.submit(
            scored(0)
        )  # does not wait for its commit: the caller scores the next one
        before = list(committer.offsets)
        second = asyncio.create_task(pipeline.submit(scored(1)))
        committer.let_go.set()
        await second
        await pipeline._running
        return before

    assert asyncio.run(run()) == []
    assert committer.offsets == [{0: 1}, {0: 2}]


def test_the_next_offset_is_that_after_the_batchs_last_record_of_each_partition():
    records = [FakeRecord(b"", *place) for place in ((4, 1), (9, 0), (7, 1))]
    assert ScoredBatch(Batch(0, 0, records)).find_next_offsets() == {1: 8, 0: 10}


def test_an_abort_ends_the_epoch_and_drops_what_follows_in_it():
    committer = Committer(BatchAbortedError("again"))
    in_flight, committed, failures = submit(committer, scored(0), scored(1), scored(2))
    assert in_flight.epoch == 1
    assert committer.offsets == committed == failures == []


def test_after_an_abort_the_new_epoch_starts_from_its_first_batch():
    committer = Committer(BatchAbortedError("again"))
    _, committed, failures = submit(committer, scored(0), scored(0, epoch=1), scored(1, epoch=1))
    assert [(one.batch.epoch, one.batch.number) for one in committed] == [(1, 0), (1, 1)]
    assert failures == []


def test_a_missing_batch_is_never_committed_over():
    committer = Committer()
    _, committed, failures = submit(committer, scored(0), scored(2), scored(3))
    assert committer.offsets == [{0: 1}]
    assert [type(error) for error in failures] == [BatchGapError]
    assert len(committed) == 1


def test_a_fatal_commit_ends_everything():
    committer = Committer(CommitFatalError("fenced"))
    _, committed, failures = submit(committer, scored(0), scored(1))
    assert [type(error) for error in failures] == [CommitFatalError]
    assert committed == committer.offsets == []


def test_aborts_without_end_are_a_failure():
    errors = [BatchAbortedError("again") for _ in range(MAX_ABORTS_IN_A_ROW)]
    _, _, failures = submit(
        Committer(*errors), *(scored(0, epoch=epoch) for epoch in range(MAX_ABORTS_IN_A_ROW))
    )
    assert len(failures) == 1


def of_size(count, epoch, **fields):
    records = [FakeRecord(b"", offset=offset) for offset in range(7, 7 + count)]
    return ScoredBatch(Batch(epoch, 0, records), **fields)


def test_batches_shrink_to_the_one_record_whose_output_is_refused_and_grow_again():
    in_flight, refused, sizes = InFlight(), {}, []
    for epoch in range(4):
        sizes.append(in_flight.most_records)
        error = OutputRefusedError("too large")
        submit(Committer(error), of_size(sizes[-1], epoch), in_flight=in_flight, refused=refused)
    assert sizes == [MAX_BATCH, 256, 16, 1]
    assert in_flight.epoch == 4
    assert refused == {(0, 7): "too large"}
    dead = of_size(1, 4, dead_letters=Counter(too_large=1))
    _, committed, failures = submit(Committer(), dead, in_flight=in_flight, refused=refused)
    assert (committed, failures, refused) == ([dead], [], {})
    assert in_flight.most_records == 2


def test_refusals_that_narrow_a_batch_down_are_no_aborts_in_vain():
    errors = [BatchAbortedError("again")] * (MAX_ABORTS_IN_A_ROW - 1)
    committer = Committer(*errors, OutputRefusedError("too large"), *errors)
    batches = [of_size(2, epoch) for epoch in range(2 * MAX_ABORTS_IN_A_ROW)]
    _, committed, failures = submit(committer, *batches)
    assert (committed, failures) == ([batches[-1]], [])


def test_a_dead_letter_that_is_refused_is_a_failure():
    error = OutputRefusedError("too large")
    dead = of_size(1, 0, dead_letters=Counter(too_large=1))
    _, committed, failures = submit(Committer(error), dead)
    assert (committed, failures) == ([], [error])


def test_dead_letters_of_an_aborted_batch_count_once_however_often_it_is_read():
    committer = Committer(BatchAbortedError("rebalance"), BatchAbortedError("rebalance"))
    again = [make_scored(4_096, 400, epoch=epoch) for epoch in range(3)]
    _, committed, failures = submit(committer, *again, most=0.1)
    assert (len(committed), failures) == (1, [])


def test_the_batch_with_too_many_dead_letters_is_not_committed():
    committer = Committer()
    batches = make_scored(4_096, 1_000), make_scored(4_096, 1, number=1)
    _, committed, failures = submit(committer, *batches, most=0.1)
    assert [type(error) for error in failures] == [TooManyDeadLettersError]
    assert len(committed) == len(committer.offsets) == 1
