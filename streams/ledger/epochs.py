"""Which outputs belong to the records that an audit compares: those of one topic id.

Outputs name their record by partition and offset, which say nothing after `transactions` was
recreated or the group's offsets were reset. The metadata of the group's committed offsets does
(streams.kafka.topic_ids.TopicEpoch).
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from payments.arrays import Ints
from streams.kafka.cluster import Committed, Offsets


class Epochs:
    """The epochs of the partitions of `transactions`.

    A partition whose offset was committed without an epoch has the outputs of what was committed,
    and one without an offset has none: any others were made from an earlier topic.
    """

    def __init__(self, committed: Mapping[int, Committed], topics: Mapping[str, int]) -> None:
        """`topics` holds the number of partitions of each output topic."""
        rows = max(committed, default=-1) + 2  # the last is for all other partitions
        self._end = np.zeros(rows, np.int64)
        self._first: Offsets = {}
        self._begin = {topic: np.zeros((rows, count), np.int64) for topic, count in topics.items()}
        for partition, (offset, epoch) in committed.items():
            self._end[partition] = offset
            if epoch is None:
                continue
            self._end[partition] = np.iinfo(np.int64).max
            self._first[partition] = epoch.first
            for topic, begin in self._begin.items():
                ends = epoch.outputs.get(topic, [])[: begin.shape[1]]
                begin[partition, : len(ends)] = ends

    def limit(self, begin: Offsets) -> Offsets:
        """Return where the epochs begin that begin after these offsets, by partition."""
        return {
            partition: self._first[partition]
            for partition, offset in begin.items()
            if self._first.get(partition, 0) > offset
        }

    def contain(
        self,
        topic: str,
        output_partitions: Ints,
        output_offsets: Ints,
        partitions: Ints,
        offsets: Ints,
    ) -> NDArray[np.bool_]:
        """Return whether n outputs belong to the epoch of their record.

        `partitions` and `offsets` hold the position of the record of each.
        """
        inside = (partitions >= 0) & (partitions < len(self._end))
        rows = np.where(inside, partitions, -1)
        begins = self._begin[topic][rows, output_partitions]
        return (output_offsets >= begins) & (offsets < self._end[rows])
