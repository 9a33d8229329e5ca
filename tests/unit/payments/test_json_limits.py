"""The checks of nesting, numbers and names find what a plain reading of the text finds."""

import json
import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.measurements.decoder import SIZES, measure_decoder, shapes
from payments.json_limits import (
    MAX_NAME_LENGTH,
    MAX_NESTING,
    MAX_NUMBER_LENGTH,
    JsonLimitError,
    check_json_limits,
)

STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')


def depth(value):
    depth = deepest = 0
    for bracket in re.findall(rb"[\[\]{}]", STRING.sub(b"", value)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def longest_number(value):
    return max(map(len, re.findall(rb"[0-9.eE+-]+", STRING.sub(b"", value))), default=0)


def longest_name(value):
    names = re.finditer(rb'("(?:[^"\\]|\\.)*")\s*(:?)', value)
    return max((len(name[1]) - 2 for name in names if name[2]), default=0)


def is_within_limits(value):
    """Read the whole text one piece at a time: exact, and slow."""
    return (
        depth(value) <= MAX_NESTING
        and longest_number(value) <= MAX_NUMBER_LENGTH
        and longest_name(value) <= MAX_NAME_LENGTH
    )


def is_accepted(value):
    try:
        check_json_limits(value)
    except JsonLimitError:
        return False
    return True


def around(limit):
    return st.integers(limit - 2, limit + 2) | st.integers(1, limit + limit // 10)


def repeat_to(unit, length):
    return unit * (length // len(unit))


# What could be taken for structure, and what hides a quote or uncovers one.
texts = st.lists(
    st.sampled_from([r"\"", r"\\", r"\n", "[", "]", "{", "}", ":", ",", "1", " ", "é", r"\u005b"]),
    max_size=12,
).map("".join)
long_texts = st.builds(
    repeat_to,
    texts.filter(bool) | st.sampled_from(["1", "[", "n", r"\"", r"\\"]),
    around(MAX_NUMBER_LENGTH) | around(MAX_NAME_LENGTH),
)
strings = st.builds('"{}{}"'.format, texts, texts | long_texts)
numbers = around(MAX_NUMBER_LENGTH).map(lambda length: "1" * length) | st.just("-1.5e+5")
nested = st.builds(
    lambda depth, inner: "[" * depth + inner + "]" * depth, around(MAX_NESTING), strings
)
scalars = strings | numbers | nested | st.sampled_from(["{}", "[]", "null"])
spaces = st.sampled_from(["", " ", "\n" * 600])
members = st.builds("{}{}:{}{}".format, strings, spaces, spaces, scalars)
objects = st.lists(members, max_size=6).map(lambda items: "{" + ",".join(items) + "}")
lists = st.builds(
    lambda items, times: "[" + ",".join(items * times) + "]",
    st.lists(scalars | objects, min_size=1, max_size=5),
    st.sampled_from([1, 2, 60]),
)
documents = st.builds("{}{}".format, spaces, objects | lists).map(str.encode)


@settings(max_examples=40)
@given(documents)
@example(b'{"a":"\\\\","b":"' + b"[" * 300 + b'"}')
@example(b'{"a":"\\\\\\"' + b"[" * 300 + b'"}')
@example(b'["' + b"1" * 1001 + b'",' + b"1" * 1000 + b"]")
@example(b'["' + b"1" * 1001 + b'",' + b"1" * 1001 + b"]")
@example(b"[" + b"1," * 40_000 + b'": 1"]')
@example(b'{"' + b"n" * 50_001 + b'" :1}')
@example(b'{"' + b"n" * 50_001 + b'\\":1":1}')
@example(b'["' + b"n" * 50_001 + b'",":"]')
@example(b'{"\\n":' + b"[" * 99 + b"]" * 99 + b"}")
@example(b'{"\\n":' + b"[" * 100 + b"]" * 100 + b"}")
@example(b'{"\\n":' + b'["",' * 99 + b"1" + b"]" * 99 + b"}")
@example(b'{"\\n":' + b'["",' * 100 + b"1" + b"]" * 100 + b"}")
@example(b'{"\\"":' + b'["[",' * 99 + b"1" + b"]" * 99 + b"}")
@example(b'{"\\"":' + b'["[",' * 100 + b"1" + b"]" * 100 + b"}")
@example(b"[" + b'["]"],' * 70 + b'["]",' * 99 + b"1" + b"]" * 100)
@example(b"[" + b'["]"],' * 70 + b'["]",' * 100 + b"1" + b"]" * 101)
@example(b"[" * 300 + b"]" * 300)
def test_the_checks_find_what_a_plain_reading_finds(value):
    json.loads(value)
    assert is_accepted(value) == is_within_limits(value)


def test_no_shape_of_a_record_is_many_times_as_expensive_as_a_small_one():
    """In CPU time of this thread; the regular expressions of a first version took up to 260."""
    costs = list(measure_decoder())
    assert {cost.shape: cost.ratios for cost in costs if max(cost.ratios.values()) > 6} == {}


def test_the_measured_records_are_valid_and_of_their_size():
    for size in SIZES:
        for shape, value in shapes(size):
            assert is_within_limits(value), shape
            assert size * 0.5 < len(value) <= size
