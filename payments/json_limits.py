"""Limits on a record's JSON that its schema cannot express: nesting, numbers and names.

Only ignored fields can exceed them. Each check rules out most records with one scan in C, and reads
the rest in a few passes over the whole value, never character by character in Python.
`python -m benchmarks decoder` measures the cost by size and shape.
"""

import re

import numpy as np

# Decoders give up at a depth that depends on the caller's stack (msgspec and json at 1,000 minus
# that depth, pydantic at 200). Without a fixed limit, a record could be valid here and unreadable
# in the next process.
MAX_NESTING = 100
# In characters. Other readers refuse longer numbers: Python's json above 4,300 digits, Jackson
# above 1,000 characters (StreamReadConstraints).
MAX_NUMBER_LENGTH = 1000
# In bytes. Jackson refuses names of more characters than this (StreamReadConstraints).
MAX_NAME_LENGTH = 50_000


class JsonLimitError(ValueError):
    """JSON that other readers could refuse."""


_LIST = ord("[")  # `int in bytes` is several times as fast as `bytes in bytes`
_QUOTE = ord('"')
_BACKSLASH = ord("\\")
_OPENING = 2  # the bit that [ and { have, and ] and } don't
_NOT_MARKS = bytes(set(range(256)) - set(b'[]{}"'))
# A longer run contains a whole block that starts at a multiple of half of the limit.
_NUMBER_BLOCK = MAX_NUMBER_LENGTH // 2
_NAME_BLOCK = MAX_NAME_LENGTH // 2
_NUMBER_CHARACTERS = b"0123456789.eE+-"
_LONG_RUN = re.compile(rb"[0-9.eE+-]{%d,}" % _NUMBER_BLOCK)
_COLON = re.compile(rb"\s*:")

# For each pattern of 8 brackets, with a 1 for each that opens: by how much they change the depth,
# and how far above the depth after them they go.
_WALKS = np.cumsum(
    2 * np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.int64) - 1, axis=1
)
_CHANGE = _WALKS[:, -1]
_PEAK_AFTER = _WALKS.max(axis=1) - _CHANGE


def check_json_limits(value: bytes) -> None:
    """Raise JsonLimitError if valid JSON exceeds a limit."""
    if (_LIST in value or value.find(b"{", 1) > 0) and _is_nested_deeply(value):
        raise JsonLimitError(f"nested more than {MAX_NESTING} levels deep")
    if len(value) > MAX_NUMBER_LENGTH and _has_long_number(value):
        raise JsonLimitError(f"a number of more than {MAX_NUMBER_LENGTH} characters")
    if len(value) > MAX_NAME_LENGTH and _has_long_name(value):
        raise JsonLimitError(f"a field's name of more than {MAX_NAME_LENGTH} bytes")


def _is_nested_deeply(value: bytes) -> bool:
    """Return whether a JSON document is nested deeper than allowed."""
    marks = _marks(value)
    if len(marks) <= 2 * MAX_NESTING:
        return False
    plain = _blank_escaped(value)
    if plain is not value:
        marks = _marks(plain)
    brackets = np.frombuffer(marks, np.uint8)
    if _QUOTE in marks:
        quotes = brackets == _QUOTE
        in_string = np.not_equal.accumulate(quotes)
        brackets = brackets[~(in_string | quotes)]
    eights = np.packbits(brackets & _OPENING)
    after = np.add.accumulate(_CHANGE.take(eights))
    return bool(np.maximum.reduce(after + _PEAK_AFTER.take(eights)) > MAX_NESTING)


def _marks(value: bytes) -> bytes:
    """Return the brackets of a JSON document, and the quotes between them."""
    # Two quotes side by side don't change which brackets are in a string.
    return value.translate(None, _NOT_MARKS).replace(b'""', b"")


def _has_long_number(value: bytes) -> bool:
    """Return whether a run of a number's characters outside strings is longer than allowed."""
    quotes: _Quotes | None = None
    start = 0
    while start + _NUMBER_BLOCK <= len(value):
        if run := _LONG_RUN.match(value, start):
            before = value[max(0, start - _NUMBER_BLOCK) : start]
            first = start - len(before) + len(before.rstrip(_NUMBER_CHARACTERS))
            if run.end() - first > MAX_NUMBER_LENGTH:
                quotes = quotes or _Quotes(value)
                if not quotes.is_in_string(first):
                    return True
            start = run.end() // _NUMBER_BLOCK * _NUMBER_BLOCK
        start += _NUMBER_BLOCK
    return False


def _has_long_name(value: bytes) -> bool:
    """Return whether a string that is followed by a colon is longer than allowed."""
    quotes = _Quotes(value)
    start = 0
    while start + _NAME_BLOCK <= len(value):
        closing = quotes.text.find(b'"', start)
        if closing < 0:
            return False
        if closing - start >= _NAME_BLOCK:
            opening = quotes.text.rfind(b'"', 0, start)
            if (
                closing - opening - 1 > MAX_NAME_LENGTH
                and quotes.is_in_string(closing)
                and _COLON.match(value, closing + 1)
            ):
                return True
        start += (closing - start) // _NAME_BLOCK * _NAME_BLOCK + _NAME_BLOCK
    return False


class _Quotes:
    """The quotes of a JSON document, in `text`, which has no escaped ones."""

    def __init__(self, value: bytes) -> None:
        self.text = _blank_escaped(value)
        self._counted = 0
        self._quotes = 0

    def is_in_string(self, position: int) -> bool:
        """Return whether `position`, which must not decrease, is in a string."""
        self._quotes += self.text.count(b'"', self._counted, position)
        self._counted = position
        return self._quotes % 2 == 1


def _blank_escaped(value: bytes) -> bytes:
    r"""Replace each character that a backslash escapes with a space, if any may be a quote.

    Whether a backslash is itself escaped depends on how many precede it. As in simdjson, all runs
    of backslashes are measured at once: in a number with one bit for each character, adding the
    first bit of a run of ones sets the bit after the run.
    """
    if _BACKSLASH not in value or rb"\"" not in value:
        return value
    characters = np.frombuffer(value, np.uint8)
    packed = np.packbits(characters == _BACKSLASH, bitorder="little").tobytes()
    backslashes = int.from_bytes(packed, "little")
    even = int.from_bytes(b"\x55" * len(packed), "little")
    first = backslashes & ~(backslashes << 1)
    after_even = (backslashes + (first & even)) & ~backslashes
    after_odd = (backslashes + (first & ~even)) & ~backslashes
    escaped = (after_even & ~even) | (after_odd & even)
    bits = np.frombuffer(escaped.to_bytes(len(packed) + 1, "little"), np.uint8)
    is_escaped = np.unpackbits(bits, count=len(value), bitorder="little").view(bool)
    return bytes(characters * ~is_escaped)
