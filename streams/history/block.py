"""The format of the records of `history`: the payments of one batch and partition, as columns.

A record is _PREFIX (magic, format, checksum of what follows it, size of the header), the header in
MessagePack, and the columns one after the other, each of as many little-endian integers of 8 bytes
as there are rows.
"""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from struct import Struct
from typing import Annotated, NamedTuple
from zlib import crc32

import msgspec
import numpy as np

from payments.arrays import Hashes, Ints
from payments.state.hashing import HASH_VERSION
from streams.kafka.errors import DO_NOT_RESTART, StreamError

_MAGIC = b"FRH"
_FORMAT = 1
_PREFIX = Struct("<3sBII")
_CHECKED_FROM = 8  # behind the checksum
_SIGNED = "i8"
_HASH = "u8"

_Count = Annotated[int, msgspec.Meta(ge=0)]


class BlockError(StreamError):
    """A record of `history` is no block, is damaged, or is in a format of another version."""

    exit_code = DO_NOT_RESTART


class Block(NamedTuple):
    """The payments of one batch and partition that were scored; there may be none.

    `partition` is that of `transactions`, and of `history`; the block holds what was scored of the
    source offsets [`first`, `end`). `schema`: its reference, for information. `applied`: the next
    source offset by partition that the worker had applied before the batch; `labels`: the same of
    `labels`. `batch`: the end offset of each partition in the whole batch. `decimals`: of
    `amounts`. `written`: when it was made, and `previous`: when the partition's block before it
    was, 0 if it is the first; ms since 1970.

    Arrays of one length, in the order of `offsets`: `offsets`, `times` (ms since 1970, clamped to
    arrival), `amounts` (minor units) and, by field, `hashes`; 0 is a missing value.
    """

    partition: int
    first: int
    end: int
    schema: str
    applied: dict[int, int]
    labels: dict[int, int]
    batch: dict[int, int]
    decimals: int
    written: int
    previous: int
    offsets: Ints
    times: Ints
    amounts: Ints
    hashes: Mapping[str, Hashes]


class _Column(NamedTuple):
    """A column; `version`: the decimals of the amounts, HASH_VERSION of hashes, else 0."""

    name: str
    type: str
    version: int


class _Header(msgspec.Struct):
    """`layout` identifies `columns`. Readers ignore fields that they don't know."""

    schema: str
    layout: str
    partition: _Count
    first: _Count
    end: _Count
    applied: dict[_Count, _Count]
    labels: dict[_Count, _Count]
    batch: dict[_Count, _Count]
    written: _Count
    previous: _Count
    rows: _Count
    columns: tuple[_Column, ...]


_decode_header = msgspec.msgpack.Decoder(_Header).decode
_encode_header = msgspec.msgpack.Encoder().encode


def encode(block: Block) -> bytes:
    """Return the record's value. Raises ValueError unless all arrays have one length."""
    columns = (
        _Column("offsets", _SIGNED, 0),
        _Column("times", _SIGNED, 0),
        _Column("amounts", _SIGNED, block.decimals),
        *(_Column(name, _HASH, HASH_VERSION) for name in block.hashes),
    )
    hashes = (column.view(np.int64) for column in block.hashes.values())
    matrix = np.stack([block.offsets, block.times, block.amounts, *hashes])
    header = _encode_header(
        _Header(
            schema=block.schema,
            layout=_identify(columns),
            partition=block.partition,
            first=block.first,
            end=block.end,
            applied=block.applied,
            labels=block.labels,
            batch=block.batch,
            written=block.written,
            previous=block.previous,
            rows=len(block.offsets),
            columns=columns,
        )
    )
    return _seal(header, matrix.astype("<i8", copy=False).tobytes())


def decode(value: bytes | None) -> Block:
    """Return the block of a record's value, with arrays of its own.

    `hashes` leaves out columns of another hash version. Raises BlockError.
    """
    header, data = _open(value)
    places = {column[:2]: place for place, column in enumerate(header.columns)}
    try:
        fixed = [places[name, _SIGNED] for name in ("offsets", "times", "amounts")]
    except KeyError as error:
        raise BlockError(f"a block of history without the column {error.args[0][0]}") from error
    if len(data) != 8 * len(header.columns) * header.rows:
        raise BlockError(
            f"a block of history with {len(header.columns)} columns of {header.rows} rows in "
            f"{len(data)} bytes"
        )
    # one copy makes the arrays aligned and writable: the compiled loops take no others
    matrix = np.frombuffer(data, "<i8").reshape(len(header.columns), header.rows).astype(np.int64)
    offsets, times, amounts = (matrix[place] for place in fixed)
    if header.rows and not _are_offsets(offsets, header.first, header.end):
        raise BlockError(
            f"a block of history whose offsets do not rise from {header.first} to {header.end}"
        )
    return Block(
        partition=header.partition,
        first=header.first,
        end=header.end,
        schema=header.schema,
        applied=header.applied,
        labels=header.labels,
        batch=header.batch,
        decimals=header.columns[fixed[2]].version,
        written=header.written,
        previous=header.previous,
        offsets=offsets,
        times=times,
        amounts=amounts,
        hashes={
            column.name: matrix[place].view(np.uint64)
            for place, column in enumerate(header.columns)
            if column[1:] == (_HASH, HASH_VERSION)
        },
    )


def _seal(header: bytes, data: bytes) -> bytes:
    size = len(header).to_bytes(4, "little")
    checksum = crc32(data, crc32(header, crc32(size)))
    return _PREFIX.pack(_MAGIC, _FORMAT, checksum, len(header)) + header + data


def _open(value: bytes | None) -> tuple[_Header, memoryview]:
    """Return the header and the columns' bytes."""
    record = memoryview(value or b"")
    if len(record) < _PREFIX.size or record[: len(_MAGIC)] != _MAGIC:
        raise BlockError("no block of history")
    _, version, checksum, size = _PREFIX.unpack_from(record)
    if version != _FORMAT:
        raise BlockError(
            f"a block of history in format {version}, but this version of fraud reads {_FORMAT}; "
            "run the version that wrote it, or a later one"
        )
    if crc32(record[_CHECKED_FROM:]) != checksum:
        raise BlockError("a damaged block of history: its checksum is wrong")
    begin = _PREFIX.size + size
    try:
        return _decode_header(record[_PREFIX.size : begin]), record[begin:]
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BlockError(f"a block of history with an unreadable header: {error}") from error


def _are_offsets(offsets: Ints, first: int, end: int) -> bool:
    is_rising = bool((offsets[1:] > offsets[:-1]).all())
    return is_rising and first <= int(offsets[0]) and int(offsets[-1]) < end


@lru_cache
def _identify(columns: tuple[_Column, ...]) -> str:
    return sha256(msgspec.json.encode(columns)).hexdigest()[:12]
