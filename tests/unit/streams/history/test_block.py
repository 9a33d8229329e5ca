from contextlib import suppress
from struct import pack
from zlib import crc32

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from support.data.blocks import make_block

from streams.history import block as format_
from streams.history.block import Block, BlockError, decode, encode

OFFSETS = st.integers(0, 2**63 - 1)
VECTORS = st.dictionaries(st.integers(0, 10_000), OFFSETS, max_size=9)
MAGIC_VERSION = b"FRH\x01"
# of make_block(rows=1, fields=("card_id",))
STORED = (
    b"FRH\x01\x13lV@\xbc\x00\x00\x00"
    b"\x8c\xa6schema\xb2cards@0123456789ab\xa6layout\xacd77400370466\xa9partition\x04\xa5firstd"
    b"\xa3endf\xa7applied\x82\x00\x07\x04d\xa6labels\x81\x02\x05\xa5batch\x82\x00\t\x04f"
    b"\xa7written\x05\xa8previous\x04\xa4rows\x01"
    b"\xa7columns\x94\x93\xa7offsets\xa2i8\x00\x93\xa5times\xa2i8\x00\x93\xa7amounts\xa2i8\x02"
    b"\x93\xa7card_id\xa2u8\x01"
    b"d\x00\x00\x00\x00\x00\x00\x00\x00h\xe5\xcf\x8b\x01\x00\x00"
    b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80"
)


def seal(header, data):
    """Return a record whose checksum is right, whatever it holds."""
    body = pack("<I", len(header)) + header + data
    return MAGIC_VERSION + pack("<I", crc32(body)) + body


def change_header(**changes):
    """Return the record of a block whose header has these other values."""
    value = encode(make_block())
    size = int.from_bytes(value[8:12], "little")
    header = msgspec.msgpack.decode(value[12 : 12 + size]) | changes
    return seal(msgspec.msgpack.encode(header), value[12 + size :])


def assert_same(found, expected):
    for name in Block._fields:
        if name in {"offsets", "times", "amounts", "hashes"}:
            continue
        assert getattr(found, name) == getattr(expected, name), name
    assert list(found.hashes) == list(expected.hashes)
    pairs = [(getattr(found, name), getattr(expected, name)) for name in Block._fields[-4:-1]]
    pairs += [(found.hashes[name], expected.hashes[name]) for name in expected.hashes]
    for array, other in pairs:
        assert array.dtype == other.dtype
        assert np.array_equal(array, other)


@st.composite
def blocks(draw):
    rows = draw(st.integers(0, 20))
    first = draw(st.integers(0, 2**62))
    gaps = draw(st.lists(st.integers(1, 1000), min_size=rows, max_size=rows))
    offsets = first - 1 + np.cumsum(np.array(gaps, np.int64), dtype=np.int64)
    end = first + sum(gaps) + draw(st.integers(0, 5))
    column = arrays.arrays(np.int64, rows, elements=st.integers(-(2**63), 2**63 - 1))
    hashes = arrays.arrays(np.uint64, rows, elements=st.integers(0, 2**64 - 1))
    # fields may have the names of the other columns
    fields = st.sampled_from(["card_id", "offsets", "times", "amounts", "größe"])
    return Block(
        partition=draw(st.integers(0, 10_000)),
        first=first,
        end=end,
        schema=draw(st.text(max_size=20)),
        applied=draw(VECTORS),
        labels=draw(VECTORS),
        batch=draw(VECTORS),
        decimals=draw(st.integers(0, 6)),
        written=draw(st.integers(0, 2**40)),
        previous=draw(st.integers(0, 2**40)),
        offsets=offsets,
        times=draw(column),
        amounts=draw(column),
        hashes=draw(st.dictionaries(fields, hashes, max_size=4)),
    )


@given(blocks())
def test_a_block_comes_back_as_it_was(block):
    assert_same(decode(encode(block)), block)


def test_the_format_stays_as_it_is():
    """Blocks that are stored must stay readable: a change of these bytes needs a new version."""
    block = make_block(rows=1, fields=("card_id",))
    assert encode(block) == STORED
    assert_same(decode(STORED), block)


def test_decoded_arrays_are_those_that_compiled_loops_take():
    block = decode(encode(make_block()))
    for array in (block.offsets, block.times, block.amounts, *block.hashes.values()):
        assert array.flags.aligned
        assert array.flags.writeable
        assert array.flags.c_contiguous


def test_every_truncation_and_every_flipped_bit_is_noticed():
    value = encode(make_block())
    damaged = [value[:size] for size in range(len(value))]
    damaged.append(value + b"\0")
    for place in range(len(value)):
        for bit in range(8):
            copy = bytearray(value)
            copy[place] ^= 1 << bit
            damaged.append(bytes(copy))
    for each in damaged:
        with pytest.raises(BlockError):
            decode(each)


@given(st.binary(max_size=200), st.binary(max_size=64))
def test_any_content_with_a_right_checksum_is_a_block_or_refused(header, data):
    with suppress(BlockError):
        decode(seal(header, data))


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "rows": st.integers(-2, 5) | st.just(2**63),
            "first": st.integers(-2, 200),
            "end": st.integers(-2, 200),
            "partition": st.integers(-1, 1),
            "columns": st.lists(
                st.tuples(
                    st.sampled_from(["offsets", "times", "amounts", "card_id"]),
                    st.sampled_from(["i8", "u8", "f4"]),
                    st.integers(0, 2),
                ),
                max_size=6,
            ),
        },
    )
)
def test_a_changed_header_gives_a_consistent_block_or_is_refused(changes):
    try:
        block = decode(change_header(**changes))
    except BlockError:
        return
    arrays_of_block = (block.offsets, block.times, block.amounts, *block.hashes.values())
    assert len({len(array) for array in arrays_of_block}) == 1
    assert ((block.offsets >= block.first) & (block.offsets < block.end)).all()


@pytest.mark.parametrize("value", [None, b"", b"{}", b"FRH", b'{"transaction_id": "a"}'])
def test_what_is_no_block_is_refused(value):
    with pytest.raises(BlockError, match="no block of history"):
        decode(value)


def test_a_format_of_another_version_is_named():
    value = bytearray(encode(make_block()))
    value[3] = 2
    with pytest.raises(BlockError, match=r"in format 2, but this version of fraud reads 1"):
        decode(bytes(value))


def test_columns_are_found_by_name_and_unknown_fields_are_ignored():
    value = change_header(
        columns=[
            ("amounts", "i8", 3),
            ("offsets", "i8", 0),
            ("times", "i8", 0),
            ("new", "f8", 0),
            ("card_id", "u8", 1),
        ],
        first=0,
        end=2**62,
        added="by a later version",
    )
    block = decode(value)
    written = make_block()
    assert block.amounts.tolist() == written.offsets.tolist()
    assert block.decimals == 3
    assert block.offsets.tolist() == written.times.tolist()
    assert list(block.hashes) == ["card_id"]


def test_hashes_of_another_version_are_left_out():
    columns = [("offsets", "i8", 0), ("times", "i8", 0), ("amounts", "i8", 2)]
    columns += [("card_id", "u8", 2), ("merchant_id", "u8", 1)]
    assert list(decode(change_header(columns=columns)).hashes) == ["merchant_id"]


def test_the_layout_changes_with_names_decimals_and_hash_version(monkeypatch):
    def find_layout(block):
        value = encode(block)
        size = int.from_bytes(value[8:12], "little")
        return msgspec.msgpack.decode(value[12 : 12 + size])["layout"]

    layouts = [
        find_layout(make_block()),
        find_layout(make_block(fields=("card_id", "device_id"))),
        find_layout(make_block(decimals=3)),
    ]
    assert find_layout(make_block(rows=2, partition=1)) == layouts[0]
    monkeypatch.setattr(format_, "HASH_VERSION", 2)
    assert len({*layouts, find_layout(make_block())}) == 4


def test_arrays_of_different_lengths_are_not_encoded():
    with pytest.raises(ValueError):
        encode(make_block(times=np.zeros(2, np.int64)))
