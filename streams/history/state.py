"""The history that a worker has applied: its own batches, and the blocks of all workers.

Pure: it makes no Kafka call. What a payment sees is a function of the payments applied before it.
Own batches are applied before they are committed, because their features are needed to score them.
Until the oldest of them is final, nothing after it is: an abort takes them back, together with the
blocks that were folded in between, and these are folded again.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from payments.arrays import Ints, Singles
from payments.schema.reading import Schema
from payments.state.columns import Columns
from payments.state.engine import BEFORE_ALL, Engine, find_late
from payments.state.inputs import HistoryInputs
from streams.history.batches import Applied, Entry, Mark, Payments, Rebuilt
from streams.history.block import Block
from streams.history.errors import HistoryGapError

# A table has at least twice as many places as entities, so a sweep passes all of them while half
# as many payments come.
_SWEPT_PLACES = 4


class History:
    """The state of a schema in one worker. One thread only.

    `key` hides the values of secret fields. `now_ms` is the present time. If the oldest blocks are
    gone and might still count, that is an error unless `accept_gap`.
    """

    def __init__(
        self, schema: Schema, now_ms: int, key: bytes | None = None, accept_gap: bool = False
    ) -> None:
        self._schema = schema
        self._engine = Engine(schema)
        self._inputs = HistoryInputs(schema, key)
        self._decimals = schema.fields[schema.roles.amount].decimals
        self._oldest_ms = now_ms - self._engine.horizon_ms
        self.accepts_gap = accept_gap
        self._marks: dict[int, Mark] = {}
        self._entries: deque[Entry] = deque()
        self._epoch = 0
        self._unswept = 0  # payments that came since the last sweep

    def find_next(self, partition: int) -> int | None:
        """Return the source offset before which everything is applied; None if nothing is known."""
        mark = self._marks.get(partition)
        return None if mark is None else mark.next

    def begin(self, partition: int, offset: int) -> None:
        """Let the history of a partition that has none begin at this source offset."""
        self._marks[partition] = Mark(offset, BEFORE_ALL, 0)

    def apply(
        self, epoch: int, ends: Mapping[int, int], payments: Payments, now_ms: int
    ) -> Applied:
        """Apply a batch of this worker, of which nothing is committed yet.

        `ends`: the source offset after the batch, by partition. An event time after `now_ms` counts
        as `now_ms`. Raises HistoryGapError if a record was applied before.
        """
        self.settle(epoch, drained=True)
        times = np.minimum(payments.times, now_ms)
        columns = self._inputs.make_columns(times, payments.amounts, payments.values)
        before = dict(self._marks)
        vector = {partition: mark.next for partition, mark in before.items()}
        entry = Entry({partition: before[partition] for partition in ends}, len(times))
        features = self._apply(payments.partitions, payments.offsets, columns, ends, now_ms)
        self._entries.append(entry)
        blocks = []
        for partition, end in ends.items():
            rows = np.flatnonzero(payments.partitions == partition)
            mine = columns.take(rows)
            blocks.append(
                Block(
                    partition=partition,
                    first=vector[partition],
                    end=end,
                    schema=self._schema.reference,
                    written=now_ms,
                    previous=before[partition].written,
                    applied=vector,
                    labels={},
                    batch=dict(ends),
                    decimals=self._decimals,
                    offsets=payments.offsets[rows],
                    times=mine.times,
                    amounts=mine.amounts,
                    hashes=mine.hashes,
                )
            )
        return Applied(features, blocks, entry)

    def _apply(
        self,
        partitions: Ints,
        offsets: Ints,
        columns: Columns,
        ends: Mapping[int, int],
        now_ms: int,
    ) -> Singles:
        """Apply payments in the order of events, whatever theirs is."""
        alone = np.zeros(len(offsets), np.bool_)
        for partition, end in ends.items():
            mine = np.flatnonzero(partitions == partition)
            mark = self._marks[partition]
            _check_new(partition, offsets[mine], mark)
            alone[mine] = find_late(columns.times[mine], mark.newest)
            newest = _find_newest(columns.times[mine], mark.newest)
            self._marks[partition] = Mark(end, newest, now_ms)
        order = np.lexsort((offsets, partitions, columns.times))
        features = np.empty((len(offsets), len(self._engine.features)), np.float32)
        features[order] = self._engine.apply(columns._replace(alone=alone).take(order))
        return features

    def repeat(self, batch: Sequence[Block]) -> Rebuilt:
        """Apply a batch again from its blocks. Raises HistoryGapError."""
        for block in batch:
            if block.partition not in self._marks:
                self.begin(block.partition, block.first)
        parts = [self._read_columns(block) for block in batch]
        columns = Columns(
            np.concatenate([part.times for part in parts]),
            np.concatenate([part.amounts for part in parts]),
            {
                name: np.concatenate([part.hashes[name] for part in parts])
                for name in self._engine.fields
            },
        )
        partitions = np.repeat(
            [block.partition for block in batch], [len(block.offsets) for block in batch]
        )
        offsets = np.concatenate([block.offsets for block in batch])
        ends = {block.partition: block.end for block in batch}
        features = self._apply(partitions, offsets, columns, ends, batch[0].written)
        self._engine.commit()
        return Rebuilt(partitions, offsets, features)

    def receive(self, blocks: Iterable[Block], epoch: int, drained: bool) -> None:
        """Fold blocks as they come from the topic, this worker's own among them.

        `epoch` is the present one, and `drained` says that no batch is in flight. Raises
        HistoryGapError.
        """
        self.settle(epoch, drained)
        for block in blocks:
            self._fold(block)
        self.settle(epoch, drained)

    def settle(self, epoch: int, drained: bool) -> None:
        """Make final what can be; take back the batches of an epoch that is over.

        `drained` says that none of these is in flight any more. Raises HistoryGapError.
        """
        while self._entries and (self._entries[0].committed or self._entries[0].block is not None):
            self._finish(self._entries.popleft())
        if epoch != self._epoch and drained:
            self._epoch = epoch
            self._take_back()

    def sweep(self, partitions: int) -> None:
        """Free the memory of entities that no payment can see any more.

        There are `partitions`. Nothing is freed before each has payments: one without any may be
        far behind.
        """
        newest = [mark.newest for mark in self._marks.values() if mark.newest > BEFORE_ALL]
        if len(newest) == partitions and self._unswept:
            self._engine.sweep(min(newest), _SWEPT_PLACES * self._unswept)
            self._unswept = 0

    def _finish(self, entry: Entry) -> None:
        if entry.block is not None and not entry.fits:
            expected = self._marks[entry.block.partition].next
            raise HistoryGapError(
                f"partition {entry.block.partition} of the history goes on at offset "
                f"{entry.block.first} of the transactions, and not at {expected}: blocks were "
                "deleted, or written by a program that does not follow the others"
            )
        if not entry.is_stored:
            return
        self._engine.commit()
        self._unswept += entry.rows

    def _take_back(self) -> None:
        entries = list(self._entries)
        self._entries.clear()
        self._engine.rollback()
        for entry in reversed(entries):
            for partition, mark in entry.before.items():
                if mark is None:
                    del self._marks[partition]
                else:
                    self._marks[partition] = mark
        for entry in entries:
            if entry.block is not None:
                self._fold(entry.block)

    def _fold(self, block: Block) -> None:
        mark = self._marks.get(block.partition)
        if mark is None:
            self._check_head(block)
        expected = block.first if mark is None else mark.next
        if block.first != expected:
            fits = block.end <= expected  # applied before: a batch of this worker, as a rule
            self._entries.append(Entry({}, 0, block, is_stored=False, fits=fits))
            return
        newest = BEFORE_ALL if mark is None else mark.newest
        columns = self._read_columns(block)._replace(alone=find_late(block.times, newest))
        self._engine.fold(columns)
        newest = _find_newest(block.times, newest)
        self._marks[block.partition] = Mark(block.end, newest, block.written)
        self._entries.append(Entry({block.partition: mark}, len(block.offsets), block))

    def _check_head(self, block: Block) -> None:
        """Raise HistoryGapError if payments before the oldest block might still count."""
        if block.previous > self._oldest_ms and not self.accepts_gap:
            raise HistoryGapError(
                f"partition {block.partition} of the history begins at offset {block.first} of the "
                "transactions: older blocks were deleted that still count. Restore them; or, to go "
                "on without these payments, start with --accept-history-gap"
            )

    def _read_columns(self, block: Block) -> Columns:
        """Return a block's columns; a field that it does not have is missing in all rows."""
        amounts = block.amounts
        if block.decimals != self._decimals:
            scaled = amounts * 10.0 ** (self._decimals - block.decimals)
            amounts = np.rint(scaled).astype(np.int64)
        absent = np.zeros(len(block.times), np.uint64)
        hashes = {name: block.hashes.get(name, absent) for name in self._engine.fields}
        return Columns(block.times, amounts, hashes)


def _check_new(partition: int, offsets: Ints, mark: Mark) -> None:
    if len(offsets) and offsets[0] < mark.next:
        raise HistoryGapError(
            f"offset {offsets[0]} of partition {partition} was read, but the history has "
            f"everything before {mark.next}: the payments would count twice"
        )


def _find_newest(times: Ints, newest: int) -> int:
    return int(times.max(initial=newest))
