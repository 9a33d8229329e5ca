"""Measure the decoder's CPU per byte by a record's size and shape, relative to a small record."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import thread_time

from payments.contract import INPUTS
from payments.decoder import MAX_TRANSACTION_BYTES, TransactionDecoder
from payments.features import FeatureEncoder
from payments.schema.reading import DEFAULT, read_schema

SIZES = (1_100, 2_000, 4_000, 16_000, MAX_TRANSACTION_BYTES)
_NUMBERS = {name: round(3.1 / (number - 14.5), 9) for number, name in enumerate(INPUTS)}
SMALL = json.dumps(
    {"transaction_id": "t-1", "event_time": "2025-06-15T13:00:00Z"} | _NUMBERS,
    separators=(",", ":"),
).encode()
_DEEP = "[" * 98 + "]" * 98
_ROUNDS = 7
_DECODER = TransactionDecoder(FeatureEncoder(read_schema(DEFAULT), {}))
_ROUND_BYTES = 150_000


def _text(unit: str) -> Callable[[int], str]:
    """Return a function that makes a field with a text of that unit, of at most a given length."""
    return lambda length: f'"more":"{unit * ((length - 9) // len(unit.encode()))}"'


def _items(unit: str) -> Callable[[int], str]:
    return lambda length: f'"more":[{",".join([unit] * ((length - 8) // (len(unit) + 1)))}]'


def _fields(unit: str) -> Callable[[int], str]:
    return lambda length: ",".join([unit] * (length // (len(unit) + 1)))


# Content that fills a record up to its size, by name: JSON of at most that length.
_SHAPES: dict[str, Callable[[int], str]] = {
    "text": _text("x"),
    "text of several bytes a character": _text("é"),
    "text of digits": _text("1"),
    "text of brackets": _text("[]"),
    "text of escapes": _text(r"\n"),
    "text of escaped quotes": _text(r"\""),
    "text of backslashes": _text(r"\\"),
    "text of escaped quotes and brackets": _text(r"\"[]"),
    "numbers": _items("-1.5"),
    "digits": _items("1"),
    "numbers of 400 digits": _items("1" * 400),
    "strings": _items('""'),
    "strings of brackets": _items('"[]"'),
    "strings and brackets": _items('"[]",[]'),
    "strings of escaped quotes, and lists": _items(r'"\"[]",[[]]'),
    "lists": _items("[]"),
    "objects": _items("{}"),
    "lists 98 deep": _items(_DEEP),
    "lists 98 deep, one escaped quote": lambda length: rf'"":"\"",{_items(_DEEP)(length - 8)}',
    "payments": _items(SMALL.decode()),
    "fields": _fields('"k1234":1'),
    "fields with one name": _fields('"":1'),
    "repeated inputs": _fields('"V28":1.5'),
    "a long name": lambda length: f'"{"n" * min(length - 4, 50_000)}":1',
}


def shapes(size: int) -> Iterator[tuple[str, bytes]]:
    """Yield valid records of at most `size` bytes, by name."""
    for name, fill in _SHAPES.items():
        if more := fill(size - len(SMALL) - 1):
            yield name, SMALL[:-1] + b"," + more.encode() + b"}"


@dataclass(frozen=True)
class DecodingCost:
    """CPU per byte of one shape, relative to SMALL; by size."""

    shape: str
    ratios: dict[str, float]


def measure_decoder(sizes: tuple[int, ...] = SIZES) -> Iterator[DecodingCost]:
    """Measure every shape at every size."""
    records = {size: dict(shapes(size)) for size in sizes}
    for shape in _SHAPES:
        yield DecodingCost(
            shape, {str(size): measure_ratio(records[size][shape]) for size in sizes}
        )


def measure_ratio(value: bytes) -> float:
    """Return the CPU per byte of decoding `value`, relative to SMALL.

    The two alternate, and the least time of each counts: other processes only add to it.
    """
    least: dict[bytes, float] = {}
    for _ in range(_ROUNDS):
        for record in (SMALL, value):
            spent = _measure_ns_per_byte(record)
            least[record] = min(spent, least.get(record, spent))
    return least[value] / least[SMALL]


def _measure_ns_per_byte(value: bytes) -> float:
    row = bytearray(_DECODER.encoder.row_bytes)
    times = _ROUND_BYTES // len(value)
    started = thread_time()
    for _ in range(times):
        _DECODER.decode(value, row, 0)
    return 1e9 * (thread_time() - started) / (times * len(value))
