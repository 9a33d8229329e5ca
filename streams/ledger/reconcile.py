"""Reconciles outputs with inputs by partition and offset. Imports no Kafka client."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from payments.arrays import Ints
from streams.kafka.messages import Position
from streams.ledger.repeated_ids import RepeatedIdSpool

SENT, SCORED, REJECTED, DUPLICATED, LATE, RESENT, PHANTOM = (1 << bit for bit in range(7))
FIRST = 10
"""How many positions of each kind an audit lists."""
_LISTED = {"duplicated": DUPLICATED, "resent": RESENT, "out_of_order": LATE, "phantom": PHANTOM}
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Audit:
    """Counts of the records of `transactions` in `ranges`, {partition: (begin, end)}.

    sent = scored + rejected + lost. A record with a prediction is scored; one with only a dead
    letter is rejected.

    pending: lost records that the scorer's group had not committed when the audit began.
    duplicated: outputs of a record beyond its first.
    resent: records whose transaction_id an earlier record has. Each is scored; none is a duplicate.
    out_of_order: outputs that follow one of a later record, within one output partition and one
    partition of `transactions`.
    foreign: outputs without a readable origin.
    earlier: outputs of records of an earlier topic, or from before the group's offsets were reset.
    phantom: outputs whose origin is in the ranges but no committed record, such as a record of an
    aborted transaction.
    hidden: offsets behind a transaction that somebody left open. Nobody can read them, and they are
    not in the ranges.
    first_*: up to FIRST positions on `transactions`.
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
    earlier: int = 0
    phantom: int = 0
    hidden: int = 0
    first_lost: list[Position] = field(default_factory=list)
    first_duplicated: list[Position] = field(default_factory=list)
    first_resent: list[Position] = field(default_factory=list)
    first_out_of_order: list[Position] = field(default_factory=list)
    first_phantom: list[Position] = field(default_factory=list)
    ranges: dict[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether nothing was lost, duplicated, made up or hidden; False without any record."""
        return self.sent > 0 and self.lost == self.duplicated == self.phantom == self.hidden == 0


class Reconciliation:
    """Matches outputs to records, with one byte of flags for each offset of the ranges.

    Call `add_records` for all records of `transactions`, then `add_outputs` for all outputs in
    the order of their topic and partition, then `finish` once.

    The flags are a memory-mapped file in `directory` (1 byte an offset), which the operating
    system may write out; the spool of ids is there too (16 bytes a record). A slot is an offset's
    index in the flags.
    """

    def __init__(self, ranges: Mapping[int, tuple[int, int]], directory: Path) -> None:
        self._ranges = dict(sorted(ranges.items()))
        # A row a partition number: begin, end, first slot. The last row, empty, is for
        # numbers that are in no range.
        self._rows = np.zeros((max(self._ranges, default=-1) + 2, 3), np.int64)
        size = 0
        for partition, (begin, end) in self._ranges.items():
            self._rows[partition] = begin, end, size
            size += end - begin
        self._flags = np.memmap(directory / "flags", np.uint8, "w+", shape=max(size, 1))
        self._spool = RepeatedIdSpool(directory)
        self._highest: dict[tuple[int, int], int] = {}
        self._counts = Counter[str]()

    def close(self) -> None:
        """Close the files. The owner of the directory removes them."""
        self._spool.close()
        del self._flags

    def add_records(self, partitions: Ints, offsets: Ints, id_hashes: NDArray[np.uint64]) -> None:
        """Add n records of `transactions`, with the hashes of their ids (0 = no id).

        Ignores those outside of the ranges.
        """
        inside, slots = self._find_slots(partitions, offsets)
        self._flags[slots] |= SENT
        self._spool.add(id_hashes[inside], slots)

    def add_outputs(
        self, kind: int, output_partitions: Ints, partitions: Ints, offsets: Ints
    ) -> None:
        """Add n predictions (`kind` SCORED) or dead letters (REJECTED).

        `output_partitions` holds the partition of each output, `partitions` and `offsets` the
        position of its origin. Ignores those whose origin is outside of the ranges.
        """
        inside, slots = self._find_slots(partitions, offsets)
        real = (self._flags[slots] & SENT) != 0
        self._counts["phantom"] += int(np.count_nonzero(~real))
        self._flags[slots[~real]] |= PHANTOM
        inside = inside[real]
        slots = slots[real]
        unique, counts = np.unique(slots, return_counts=True)
        seen = (self._flags[unique] & (SCORED | REJECTED)) != 0
        self._counts["duplicated"] += len(slots) - int(np.count_nonzero(~seen))
        self._flags[unique] |= kind
        self._flags[unique[seen | (counts > 1)]] |= DUPLICATED
        self._check_order(
            kind, output_partitions[inside], partitions[inside], offsets[inside], slots
        )

    def finish(self, committed: Mapping[int, int], foreign: int = 0, earlier: int = 0) -> Audit:
        """Return the result. `committed` holds the scorer's next offset by partition, if any."""
        counts = self._counts | Counter(foreign=foreign, earlier=earlier)
        for slots in self._spool.find_repeats():
            self._flags[slots] |= RESENT
            counts["resent"] += len(slots)
        first: dict[str, list[Position]] = {name: [] for name in ("lost", *_LISTED)}
        for partition, start, flags in self._split_into_chunks():
            outcome = flags & (SENT | SCORED | REJECTED)
            lost = np.flatnonzero(outcome == SENT) + start
            counts["sent"] += int(np.count_nonzero(flags & SENT))
            counts["scored"] += int(np.count_nonzero(flags & SCORED))
            counts["rejected"] += int(np.count_nonzero(outcome == (SENT | REJECTED)))
            counts["lost"] += len(lost)
            counts["pending"] += int(np.count_nonzero(lost >= committed.get(partition, 0)))
            _extend(first["lost"], partition, lost)
            for name, flag in _LISTED.items():
                _extend(first[name], partition, np.flatnonzero(flags & flag) + start)
        fields: dict[str, Any] = dict(counts)
        fields |= {f"first_{name}": listed for name, listed in first.items()}
        return Audit(**fields, ranges=self._ranges)

    def _find_slots(self, partitions: Ints, offsets: Ints) -> tuple[Ints, Ints]:
        """Return the indices of those of n positions that are in the ranges, and their slots."""
        in_rows = (partitions >= 0) & (partitions < len(self._rows))
        begin, end, base = self._rows[np.where(in_rows, partitions, -1)].T
        inside = np.flatnonzero((begin <= offsets) & (offsets < end))
        return inside, (base + offsets - begin)[inside]

    def _check_order(
        self,
        kind: int,
        output_partitions: Ints,
        partitions: Ints,
        offsets: Ints,
        slots: Ints,
    ) -> None:
        if not len(slots):
            return
        streams = output_partitions * len(self._rows) + partitions
        order = np.argsort(streams, kind="stable")
        for group in np.split(order, np.flatnonzero(np.diff(streams[order])) + 1):
            key = kind, int(streams[group[0]])
            highest = np.maximum.accumulate(
                np.concatenate(([self._highest.get(key, -1)], offsets[group]))
            )
            late = group[offsets[group] < highest[:-1]]
            self._counts["out_of_order"] += len(late)
            self._flags[slots[late]] |= LATE
            self._highest[key] = int(highest[-1])

    def _split_into_chunks(self) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
        """Yield (partition, first offset, flags) of at most _CHUNK offsets each."""
        for partition, (begin, end) in self._ranges.items():
            base = self._rows[partition, 2] - begin
            for start in range(begin, end, _CHUNK):
                stop = min(start + _CHUNK, end)
                yield partition, start, np.array(self._flags[base + start : base + stop])


def _extend(first: list[Position], partition: int, offsets: Ints) -> None:
    first += [(partition, int(offset)) for offset in offsets[: FIRST - len(first)]]
