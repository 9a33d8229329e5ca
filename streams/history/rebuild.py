"""Recomputes the features of live payments from the blocks of `history` alone.

A block says what its worker had applied before the batch: that, and the batch itself, give the
features that the payments were scored with, to the bit.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator

from payments.schema.reading import Schema
from streams.history.batches import Rebuilt
from streams.history.block import Block
from streams.history.state import History


class _Replica:
    """The state of the workers that followed one another, and the blocks it has, by partition."""

    def __init__(self, schema: Schema) -> None:
        self.history = History(schema, now_ms=0, accept_gap=True)
        self.count: Counter[int] = Counter()

    def fits(self, wanted: dict[int, int]) -> bool:
        """Return whether it has nothing that the batch had not seen."""
        return all(self.count[partition] <= number for partition, number in wanted.items())


def rebuild(schema: Schema, blocks: Iterable[Block]) -> Iterator[Rebuilt]:
    """Yield the payments of all batches with their features.

    `blocks`: those of each partition in order. Workers differ in what they have applied of each
    other's partitions, so there is a state for each worker that was active at the same time.
    """
    logs: dict[int, list[Block]] = {}
    batches: dict[tuple[tuple[int, int], ...], list[Block]] = {}
    for block in blocks:
        logs.setdefault(block.partition, []).append(block)
        batches.setdefault(tuple(sorted(block.batch.items())), []).append(block)
    ends = {partition: [block.end for block in log] for partition, log in logs.items()}
    replicas: list[_Replica] = []
    # what one worker applies after another batch sums up to more, so that its batches keep order
    for batch in sorted(batches.values(), key=lambda batch: sum(batch[0].applied.values())):
        wanted = {
            partition: bisect_right(ends[partition], batch[0].applied.get(partition, 0))
            for partition in logs
        }
        fitting = [replica for replica in replicas if replica.fits(wanted)]
        if fitting:
            replica = max(fitting, key=lambda each: each.count.total())
        else:
            replica = _Replica(schema)
            replicas.append(replica)
        for partition, number in wanted.items():
            replica.history.receive(logs[partition][replica.count[partition] : number], 0, True)
        yield replica.history.repeat(batch)
        replica.count = Counter(wanted)
        replica.count.update(block.partition for block in batch)
