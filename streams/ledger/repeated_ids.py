"""Finds transaction ids that were sent more than once, in bounded memory."""

from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from payments.arrays import Ints

BUCKETS = 256
NO_ID = bytes(8)
_ENTRY = np.dtype([("id_hash", "<u8"), ("slot", "<i8")])


class _Identified(msgspec.Struct):
    transaction_id: str | None = None


_decoder = msgspec.json.Decoder(_Identified)


def hash_id(value: bytes | None) -> bytes:
    """Return an 8-byte hash of a record's transaction_id, or NO_ID if none can be read.

    The record need not be valid otherwise.
    """
    try:
        name = (_decoder.decode(value or b"").transaction_id or "").encode()
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return NO_ID
    return blake2b(name, digest_size=8).digest() if name else NO_ID


class RepeatedIdSpool:
    """Spools (id hash, slot) pairs to 256 files by the hash's first byte, to sort one at a time.

    Memory: 2 MB of write buffers, then about 50 bytes for each record of the largest file, which
    is 0.2 bytes a record. Disk: 16 bytes a record. With 64 bits, any two of a billion ids share a
    hash with probability 0.03 (n^2 / 2^65).
    """

    def __init__(self, directory: Path) -> None:
        self._files = [(directory / f"{bucket:02x}").open("w+b") for bucket in range(BUCKETS)]

    def close(self) -> None:
        """Close the files. The owner of the directory removes them."""
        for file in self._files:
            file.close()

    def add(self, id_hashes: NDArray[np.uint64], slots: Ints) -> None:
        """Add n records: little-endian uint64[n] of id hashes (0 = no id) and int64[n] slots."""
        has_id = id_hashes != 0
        entries = np.empty(np.count_nonzero(has_id), _ENTRY)
        entries["id_hash"] = id_hashes[has_id]
        entries["slot"] = slots[has_id]
        buckets = (entries["id_hash"] & 0xFF).astype(np.intp)
        entries = entries[np.argsort(buckets, kind="stable")]
        bounds = np.concatenate(([0], np.cumsum(np.bincount(buckets, minlength=BUCKETS))))
        for bucket in np.unique(buckets):
            self._files[bucket].write(entries[bounds[bucket] : bounds[bucket + 1]].tobytes())

    def find_repeats(self) -> Iterator[Ints]:
        """Yield, file by file, the slots of all records of an id except its lowest slot."""
        return map(self._find_repeats, range(BUCKETS))

    def _find_repeats(self, bucket: int) -> Ints:
        self._files[bucket].seek(0)
        entries = np.frombuffer(self._files[bucket].read(), _ENTRY)
        order = np.lexsort((entries["slot"], entries["id_hash"]))
        id_hashes = entries["id_hash"][order]
        repeats = np.flatnonzero(id_hashes[1:] == id_hashes[:-1]) + 1
        return entries["slot"][order[repeats]]
