"""Limits on a record's JSON that its schema cannot express: nesting, numbers and names.

Only ignored fields can exceed them. Each check rules out most records with one scan in C, and reads
the rest in a few passes over the whole value, never character by character in Python.
`python -m benchmarks decoder` measures the cost by size and shape.
"""

import re
from collections.abc import Sequence

import msgspec
import numpy as np

# Decoders give up at a depth that depends on the caller's stack (msgspec and json at 1,000 minus
# that depth, pydantic at 200). Without a fixed limit, a record could be valid here and unreadable
# in the next process.
MAX_NESTING = 100
TOO_DEEP = f"nested more than {MAX_NESTING} levels deep"
# In characters. Other readers refuse longer numbers: Python's json above 4,300 digits, Jackson
# above 1,000 characters (StreamReadConstraints).
MAX_NUMBER_LENGTH = 1000
# In bytes. Jackson refuses names of more characters than this (StreamReadConstraints).
MAX_NAME_LENGTH = 50_000


class JsonLimitError(ValueError):
    """JSON that other readers could refuse."""


_LIST = ord("[")  # `int in bytes` is several times as fast as `bytes in bytes`
_BACKSLASH = ord("\\")
# Each bracket becomes its change of the depth, modulo 256, and a quote becomes 0.
_OPENS = b"\x01"
_VALLEY = b"\xff\x01"  # closes, then opens
_QUOTE = b"\x00"
_STEPS = bytes.maketrans(b'[{]}"', b"\x01\x01\xff\xff\x00")
_NOT_MARKS = bytes(set(range(256)) - set(b'[]{}"'))
_UINT8 = np.dtype(np.uint8)
_FEW_ESCAPES = 8
# Splitting at each quote costs less than vector operations up to about here.
_FEW_QUOTES = 120
# Counting in each rise of the depth costs less than vector operations up to about here.
_FEW_RISES = 8
# A record nested too deeply is longer than this with each level indented by one more space.
_INDENTED_LENGTH = MAX_NESTING * (MAX_NESTING + 1)
# In bytes. A longer record usually exceeds that length, whatever its depth.
_MAX_INDENTED = 4096
# A record with this is probably deep, and long when indented.
_STEEP = 8 * _OPENS
# A longer run contains a whole block that starts at a multiple of half of the limit.
_NUMBER_BLOCK = MAX_NUMBER_LENGTH // 2
_NAME_BLOCK = MAX_NAME_LENGTH // 2
_NUMBER_CHARACTERS = b"0123456789.eE+-"
_LONG_RUN = re.compile(rb"[0-9.eE+-]{%d,}" % _NUMBER_BLOCK)
_COLON = re.compile(rb"\s*:")


def check_json_limits(value: bytes) -> None:
    """Raise JsonLimitError if valid JSON exceeds a limit."""
    if len(value) > MAX_NAME_LENGTH:
        value = _blank_escaped(value)  # once for all checks
    if (_LIST in value or value.find(b"{", 1) > 0) and _is_nested_deeply(value):
        raise JsonLimitError(TOO_DEEP)
    if len(value) > MAX_NUMBER_LENGTH and _has_long_number(value):
        raise JsonLimitError(f"a number of more than {MAX_NUMBER_LENGTH} characters")
    if len(value) > MAX_NAME_LENGTH and _has_long_name(value):
        raise JsonLimitError(f"a field's name of more than {MAX_NAME_LENGTH} bytes")


def _is_nested_deeply(value: bytes) -> bool:
    """Return whether a JSON document is nested deeper than allowed."""
    if 0 < value.count(_BACKSLASH) <= _FEW_ESCAPES:
        value = _blank_escaped(value)  # costs less than making the marks twice
    marks = _make_marks(value)
    opening = marks.count(_OPENS)
    if opening <= MAX_NESTING:
        return False
    if _BACKSLASH in value:
        if len(value) <= _MAX_INDENTED and _STEEP not in marks:
            # Finding what a backslash escapes costs more than this.
            indented = msgspec.json.format(value, indent=1)
            if len(indented) < _INDENTED_LENGTH:
                return False
        marks = _make_marks(_blank_escaped(value))
    if len(marks) - 2 * opening <= _FEW_QUOTES:
        outside = b"".join(marks.split(_QUOTE)[::2])
        if len(outside) <= 2 * MAX_NESTING:  # half of them close
            return False
        rises = outside.split(_VALLEY, _FEW_RISES)
        if len(rises) <= _FEW_RISES:
            return _rise_too_high(rises)
        steps = np.frombuffer(outside, _UINT8)
    else:
        marked = np.frombuffer(_QUOTE + marks, _UINT8)  # the first quote leaves "no string"
        is_outside = np.logical_xor.accumulate(np.logical_not(marked))
        steps = marked * is_outside
    # Depths change by one, so they cannot skip the first one that is too deep.
    depths = np.add.accumulate(steps, 0, _UINT8)
    return MAX_NESTING + 1 in depths.tobytes()


def _rise_too_high(rises: Sequence[bytes]) -> bool:
    """Return whether the depth exceeds the limit; each rise opens and then closes brackets."""
    depth = 0
    for number, rise in enumerate(rises):
        opening = rise.count(_OPENS)
        depth += opening + (number > 0)  # and the one that splitting took away
        if depth > MAX_NESTING:
            return True
        depth -= len(rise) - opening + 1
    return False


def _make_marks(value: bytes) -> bytes:
    """Return what each bracket and quote of a JSON document does, in order."""
    return value.translate(_STEPS, _NOT_MARKS)


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
    r"""Replace each escaped quote and backslash with spaces, if there is an escaped quote."""
    first = value.find(b"\\")
    if first < 0:
        return value
    end = value.rfind(b"\\") + 2
    escaped = value[first:end]
    if rb"\"" not in escaped:
        return value
    # From the left, so that in a run of backslashes each escapes the next.
    plain = escaped.replace(rb"\\", b"  ").replace(rb"\"", b"  ")
    return value[:first] + plain + value[end:]
