"""The ledger's arithmetic: which records went in, which came out. It knows no Kafka, only partitions and offsets."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.ledger.repeated_ids import RepeatedIdSpool

SENT, SCORED, REJECTED, DUPLICATED, LATE, RESENT, PHANTOM = (1 << bit for bit in range(7))
FIRST = 10
_CHUNK = 1 << 20

IntArray = NDArray[np.int64]
Position = tuple[int, int]


@dataclass(frozen=True)
class Audit:
    """What became of the records of `transactions` in `ranges` ({partition: (begin, end)}); sent = scored + rejected + lost.

    A record with a prediction is scored, one with only a dead letter rejected. duplicated: outputs beyond the first of a record.
    resent: sendings of a transaction_id beyond its first; each is scored, and is no duplicate. out_of_order: outputs whose source
    offset is lower than one already seen in the same output partition from the same source partition. pending: those of the lost
    that the scorer's group had not committed when the audit began. foreign: outputs without a readable source. phantom: outputs whose
    source lies in the ranges and is no committed record, but one of an aborted transaction, say.
    first_*: up to ten (partition, offset) of `transactions`.
    """

    sent: int = 0
    scored: int = 0
    rejected: int = 0
    lost: int = 0
    pending: int = 0
    duplicated: int = 0
    resent: int = 0
    out_of_order: int = 0
    foreign: int = 0
    phantom: int = 0
    first_lost: list[Position] = field(default_factory=list)
    first_duplicated: list[Position] = field(default_factory=list)
    first_resent: list[Position] = field(default_factory=list)
    first_out_of_order: list[Position] = field(default_factory=list)
    first_phantom: list[Position] = field(default_factory=list)
    ranges: dict[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Nothing lost, nothing duplicated, nothing made up; of no record at all nothing is proven."""
        return self.sent > 0 and self.lost == self.duplicated == self.phantom == 0


class Reconciliation:
    """Counts one audit. Every offset of the ranges has one byte of flags in a file that is mapped into memory.

    The file and the spool of ids lie in `directory`: 1 byte an offset and 16 bytes a record. First all records of `transactions`
    are to be given (`sent`), then the outputs, each topic and partition in its order (`output`), then `audit` once.
    """

    def __init__(self, ranges: Mapping[int, tuple[int, int]], directory: Path) -> None:
        self._ranges = dict(sorted(ranges.items()))
        # begin, end and place in the map, by partition number; the last row, empty, is for numbers that are not in the ranges
        self._rows = np.zeros((max(self._ranges, default=-1) + 2, 3), np.int64)
        size = 0
        for partition, (begin, end) in self._ranges.items():
            self._rows[partition] = begin, end, size
            size += end - begin
        self._flags = np.memmap(directory / "flags", np.uint8, "w+", shape=max(size, 1))
        self._spool = RepeatedIdSpool(directory)
        self._highest: dict[tuple[int, int], int] = {}
        self._duplicated = self._late = self._phantom = 0

    def close(self) -> None:
        """Lets go of the files; removing them is up to the directory's owner."""
        self._spool.close()
        del self._flags

    def add_records(
        self, partitions: IntArray, offsets: IntArray, id_hashes: NDArray[np.uint64]
    ) -> None:
        """Takes n records of `transactions` with the hashes of their ids (0 = none). Those outside of the ranges are left out."""
        inside, places = self._find(partitions, offsets)
        self._flags[places] |= SENT
        self._spool.add(id_hashes[inside], places)

    def add_outputs(
        self, kind: int, outputs: IntArray, partitions: IntArray, offsets: IntArray
    ) -> None:
        """Takes n predictions (kind SCORED) or dead letters (REJECTED): the partition each lies in, and its source's partition and offset.

        Those whose source lies outside of the ranges are left out.
        """
        inside, places = self._find(partitions, offsets)
        real = (self._flags[places] & SENT) != 0
        self._phantom += int(np.count_nonzero(~real))
        self._flags[places[~real]] |= PHANTOM
        inside, places = inside[real], places[real]
        unique, counts = np.unique(places, return_counts=True)
        before = (self._flags[unique] & (SCORED | REJECTED)) != 0
        self._duplicated += len(places) - int(np.count_nonzero(~before))
        self._flags[unique] |= kind
        self._flags[unique[before | (counts > 1)]] |= DUPLICATED
        self._follow_order(kind, outputs[inside], partitions[inside], offsets[inside], places)

    def finish(self, committed: Mapping[int, int], foreign: int = 0) -> Audit:
        """The result; `committed` holds the next offset of the scorer's group by partition, where it has one."""
        counts = Counter(
            duplicated=self._duplicated,
            out_of_order=self._late,
            foreign=foreign,
            phantom=self._phantom,
        )
        for places in self._spool.extra_places():
            self._flags[places] |= RESENT
            counts["resent"] += len(places)
        first: dict[str, list[Position]] = {
            name: [] for name in ("lost", "duplicated", "resent", "out_of_order", "phantom")
        }
        for partition, start, flags in self._chunks():
            outcome = flags & (SENT | SCORED | REJECTED)
            lost = np.flatnonzero(outcome == SENT) + start
            counts["sent"] += int(np.count_nonzero(flags & SENT))
            counts["scored"] += int(np.count_nonzero(flags & SCORED))
            counts["rejected"] += int(np.count_nonzero(outcome == (SENT | REJECTED)))
            counts["lost"] += len(lost)
            counts["pending"] += int(np.count_nonzero(lost >= committed.get(partition, 0)))
            _keep(first["lost"], partition, lost)
            for name, flag in (
                ("duplicated", DUPLICATED),
                ("resent", RESENT),
                ("out_of_order", LATE),
                ("phantom", PHANTOM),
            ):
                _keep(first[name], partition, np.flatnonzero(flags & flag) + start)
        fields: dict[str, Any] = {
            **counts,
            **{f"first_{name}": records for name, records in first.items()},
        }
        return Audit(**fields, ranges=self._ranges)

    def _find(self, partitions: IntArray, offsets: IntArray) -> tuple[IntArray, IntArray]:
        """Which of n (partition, offset) lie in the ranges, as indices, and the places of these in the map."""
        known = (partitions >= 0) & (partitions < len(self._rows))
        begin, end, base = self._rows[np.where(known, partitions, -1)].T
        inside = np.flatnonzero((begin <= offsets) & (offsets < end))
        return inside, (base + offsets - begin)[inside]

    def _follow_order(
        self,
        kind: int,
        outputs: IntArray,
        partitions: IntArray,
        offsets: IntArray,
        places: IntArray,
    ) -> None:
        streams = outputs * len(self._rows) + partitions
        order = np.argsort(streams, kind="stable")
        for group in (
            np.split(order, np.flatnonzero(np.diff(streams[order])) + 1) if len(order) else ()
        ):
            key = kind, int(streams[group[0]])
            highest = np.maximum.accumulate(
                np.concatenate(([self._highest.get(key, -1)], offsets[group]))
            )
            late = group[offsets[group] < highest[:-1]]
            self._late += len(late)
            self._flags[places[late]] |= LATE
            self._highest[key] = int(highest[-1])

    def _chunks(self) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
        """(partition, its first offset, flags) of every stretch of at most _CHUNK offsets."""
        for partition, (begin, end) in self._ranges.items():
            base = self._rows[partition, 2] - begin
            for start in range(begin, end, _CHUNK):
                yield (
                    partition,
                    start,
                    np.array(self._flags[base + start : base + min(start + _CHUNK, end)]),
                )


def _keep(first: list[Position], partition: int, offsets: IntArray) -> None:
    first += [(partition, int(offset)) for offset in offsets[: FIRST - len(first)]]
