"""Finds the transaction ids that were sent more than once, in bounded memory."""

from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

BUCKETS = 256
NO_ID = bytes(8)
_ENTRY = np.dtype([("id_hash", "<u8"), ("place", "<i8")])


class _Identified(msgspec.Struct):
    transaction_id: str | None = None


_decoder = msgspec.json.Decoder(_Identified)


def hash_id(value: bytes | None) -> bytes:
    """8 bytes that stand for the transaction_id of a record, valid or not; NO_ID where none can be read."""
    try:
        name = (_decoder.decode(value or b"").transaction_id or "").encode()
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return NO_ID
    return blake2b(name, digest_size=8).digest() if name else NO_ID


class RepeatedIdSpool:
    """Identities (8-byte hashes) and places, spooled to 256 files by the identity's first byte; each file is counted alone.

    Memory: 2 MB of write buffers, then about 50 bytes for each record of the largest bucket, that is 0.2 bytes a record.
    Disk: 16 bytes a record. With 64 bits, two of a billion different ids share a hash with probability 0.03 (n^2 / 2^65).
    """

    def __init__(self, directory: Path) -> None:
        self._files = [(directory / f"{bucket:02x}").open("w+b") for bucket in range(BUCKETS)]

    def close(self) -> None:
        """Closes the files; removing them is up to the directory's owner."""
        for file in self._files:
            file.close()

    def add(self, id_hashes: NDArray[np.uint64], places: NDArray[np.int64]) -> None:
        """Takes n records: little-endian hash (0 = the record has no id) and place of each."""
        known = id_hashes != 0
        entries = np.empty(np.count_nonzero(known), _ENTRY)
        entries["id_hash"], entries["place"] = id_hashes[known], places[known]
        buckets = (entries["id_hash"] & 0xFF).astype(np.intp)
        entries = entries[np.argsort(buckets, kind="stable")]
        bounds = np.concatenate(([0], np.cumsum(np.bincount(buckets, minlength=BUCKETS))))
        for bucket in np.unique(buckets):
            self._files[bucket].write(entries[bounds[bucket] : bounds[bucket + 1]].tobytes())

    def extra_places(self) -> Iterator[NDArray[np.int64]]:
        """Places of every sending of an id but the one with the lowest place, bucket after bucket."""
        return map(self._extra, range(BUCKETS))

    def _extra(self, bucket: int) -> NDArray[np.int64]:
        self._files[bucket].seek(0)
        entries = np.frombuffer(self._files[bucket].read(), _ENTRY)
        order = np.lexsort((entries["place"], entries["id_hash"]))
        id_hashes = entries["id_hash"][order]
        again = np.flatnonzero(id_hashes[1:] == id_hashes[:-1]) + 1
        return entries["place"][order[again]]
