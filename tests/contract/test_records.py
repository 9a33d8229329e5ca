"""Any bytes decode to a transaction that all readers agree on, or to a dead letter's reason."""

import gzip
import json
import math
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError
from support.data.transactions import DECODER, ENCODER, Transaction
from support.soundness import FIELDS, check_decoding

from payments.contract import FLOAT32_OVERFLOW, INPUTS
from payments.decoder import MAX_TRANSACTION_BYTES, InvalidTransactionError
from payments.json_limits import MAX_NAME_LENGTH, MAX_NESTING, MAX_NUMBER_LENGTH

LARGEST = math.nextafter(FLOAT32_OVERFLOW, 0)


def message(**changes):
    return json.dumps(FIELDS | changes).encode()


def with_raw(field, text):
    """Add a field with a value in JSON; of duplicate keys, the last counts."""
    return message()[:-1] + f',"{field}":{text}}}'.encode("utf-8", "surrogatepass")


def read(value):
    return DECODER.decode(value, bytearray(ENCODER.row_bytes), 0)


def kind_of(value):
    with pytest.raises(InvalidTransactionError) as caught:
        read(value)
    assert caught.value.detail
    return caught.value.kind


numbers = st.one_of(
    st.floats(),
    st.integers(-(10**45), 10**45),
    st.sampled_from([FLOAT32_OVERFLOW, LARGEST, -LARGEST, -0.0, 1e-50]),
)
simple = st.none() | st.booleans() | numbers | st.text(max_size=140)
anything = (
    simple | st.lists(simple, max_size=2) | st.dictionaries(st.text(max_size=5), simple, max_size=2)
)
times = st.datetimes(timezones=st.sampled_from([None, UTC])).map(datetime.isoformat) | st.text(
    max_size=30
)


@given(st.binary(max_size=400))
@example(b"")
@example(b"\xef\xbb\xbf" + message())
@example(b"[" * 100_000)
def test_any_bytes(value):
    check_decoding(value)


@given(
    st.dictionaries(
        st.sampled_from([*FIELDS, "account_id", "Class", "é"]), anything | times, max_size=4
    )
)
def test_any_field_of_a_transaction_replaced(changes):
    check_decoding(message(**changes))


@given(
    st.sampled_from(INPUTS),
    st.from_regex(r"-?\d{0,3}(\.\d{0,9})?([eE][+-]?\d{1,3})?", fullmatch=True) | numbers.map(repr),
)
def test_any_way_to_write_a_number(field, text):
    check_decoding(with_raw(field, text))


@given(st.data())
def test_any_damage_to_a_transaction(data):
    value = bytearray(message(account_id="é", more=[1, {"a": "\\"}]))
    for _ in range(data.draw(st.integers(1, 3))):
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
    check_decoding(bytes(value))


def test_rows_are_packed_side_by_side():
    rows = bytearray(2 * ENCODER.row_bytes)
    DECODER.decode(message(V1=1.5, Amount=2.5), rows, 1)
    DECODER.decode(message(V1=-1.5), rows, 0)
    matrix = np.frombuffer(rows, np.float32).reshape(2, len(INPUTS))
    assert matrix[:, 0].tolist() == [-1.5, 1.5]
    assert matrix[1, -1] == 2.5


def test_inputs_are_what_was_sent_not_what_a_float32_keeps():
    record = read(message(V1=0.1, Amount=149.62))
    assert record.values[0] == 0.1
    assert record.values[-1] == 149.62


ACCEPTED = {
    "128 characters, of 4 bytes each": message(transaction_id="😀" * 128, account_id="é" * 128),
    "no account": message(account_id=None),
    "unknown fields": message(Class=1, deep={"a": [None, "x"]}),
    "the largest numbers": message(V1=LARGEST, V2=-LARGEST, Amount=LARGEST),
    "numbers too small for a float32": message(V1=1e-300, Amount=5e-324),
    "negative zero": message(Amount=-0.0),
    "whole numbers": message(V1=-3, Amount=7),
    "white space around": b" \t\r\n" + message() + b"\n ",
    "an offset": message(event_time="2013-09-01T00:00:00.123456+02:00"),
    "no offset from UTC that is known": message(event_time="2013-09-01T00:00:00-00:00"),
    "the first time": message(event_time="0001-01-01T00:00:00Z"),
    "the last time": message(event_time="9999-12-31T23:59:59.999999Z"),
    "a time in small letters": message(event_time="2013-09-01t00:00:00z"),
    "an escaped time": with_raw("event_time", r'"2013-09-01T00:00:00\u005a"'),
    "a surrogate pair": with_raw("transaction_id", r'"\ud83d\ude00"'),
    "of duplicates the last": with_raw("Amount", "1"),
    "nested as deep as allowed": with_raw(
        "more", "[" * (MAX_NESTING - 1) + "]" * (MAX_NESTING - 1)
    ),
    "the longest number": with_raw("more", "1" * MAX_NUMBER_LENGTH),
    "the longest name": with_raw("n" * MAX_NAME_LENGTH, "1"),
    "a longer text": with_raw("more", '"' + "n" * (MAX_NAME_LENGTH + 1) + '"'),
    "a longer text of digits": with_raw("more", '"' + "1" * 5000 + '"'),
    "many brackets that do not nest": with_raw(
        "more", "[" + ",".join(["[{}]"] * 500) + r',"\"' + "[" * 500 + r'\\"]'
    ),
    "exactly the largest size": message() + b" " * (MAX_TRANSACTION_BYTES - len(message())),
}
MALFORMED = {
    "null": None,
    "empty": b"",
    "white space": b"  ",
    "a byte order mark": b"\xef\xbb\xbf" + message(),
    "cut short": message()[:-1],
    "two values": message() * 2,
    "UTF-16": message().decode().encode("utf-16"),
    "bad UTF-8 in a field": message().replace(b"a-1", b"a\xff1"),
    "bad UTF-8 in an ignored field": with_raw("more", '"x"')[:-3] + b'\xff"}',
    "an encoded surrogate in an ignored field": with_raw("more", '"\ud800"'),
    "NaN": with_raw("V1", "NaN"),
    "NaN in an ignored field": with_raw("more", "NaN"),
    "Infinity": with_raw("Amount", "Infinity"),
    "a leading zero": with_raw("V1", "01"),
    "nested one level too deep": with_raw("more", "[" * MAX_NESTING + "]" * MAX_NESTING),
    "objects nested too deeply": with_raw("more", '{"a":' * MAX_NESTING + "1" + "}" * MAX_NESTING),
    "nested far too deeply": with_raw("more", "[" * 20_000 + "]" * 20_000),
    "a longer number": with_raw("more", "1" * (MAX_NUMBER_LENGTH + 1)),
    "a longer name": with_raw("n" * (MAX_NAME_LENGTH + 1), "1"),
    "a longer name, escaped and spaced": with_raw('\\"' * (MAX_NAME_LENGTH // 2 + 1), "1").replace(
        b'":1', b'" :1'
    ),
    "a longer number, of a feature": with_raw("V1", "0." + "1" * MAX_NUMBER_LENGTH),
    "a number that Python's json refuses": with_raw("more", "[-" + "1" * 4301 + "]"),
    "a control character": message().replace(b"a-1", b"a\x01"),
} | {
    f"half of a surrogate pair, {text}, in {field}": with_raw(field, f'"x{text}y"')
    for text in (r"\ud800", r"\udc00", r"\ud800\ud800")
    for field in ("transaction_id", "account_id", "more")
}
INVALID = {
    "no object": b"[1]",
    "129 characters": message(transaction_id="x" * 129),
    "129 characters of an account": message(account_id="x" * 129),
    "an empty id": message(transaction_id=""),
    "an empty account": message(account_id=""),
    "a number for an id": message(transaction_id=1),
    "a time without an offset": message(event_time="2013-09-01T00:00:00"),
    "a number for a time": message(event_time=5),
    "an offset without a colon": message(event_time="2013-09-01T00:00:00+0200"),
    "UTC without a colon": message(event_time="2013-09-01T00:00:00+0000"),
    "an escaped offset without a colon": with_raw("event_time", r'"2013-09-01T00:00:00\u002b0200"'),
    "an offset of hours": message(event_time="2013-09-01T00:00:00+02"),
    "a space before the time": message(event_time="2013-09-01 00:00:00Z"),
    "a leap second on another day": message(event_time="2016-12-30T23:59:60Z"),
    "a leap second at another hour": message(event_time="2016-12-31T22:59:60Z"),
    "a leap second at local midnight": message(event_time="2016-12-31T23:59:60+01:00"),
    "a time after the year 9999 in UTC": message(event_time="9999-12-31T23:59:59-14:00"),
    "a time before the year 1 in UTC": message(event_time="0001-01-01T00:00:00+14:00"),
    "a day that is none": message(event_time="2013-02-30T00:00:00Z"),
    "a negative amount": message(Amount=-1e-9),
    "the smallest negative amount": message(Amount=-5e-324),
    "text for a number": message(V1="1"),
    "a truth value for a number": message(V1=True),
    "null for a number": message(V28=None),
    "1e39": message(V3=1e39),
    "the first number that a float32 cannot hold": message(V3=FLOAT32_OVERFLOW),
    "the same, negative": message(V3=-FLOAT32_OVERFLOW),
    "the same, of the amount": message(Amount=FLOAT32_OVERFLOW),
    "a number that a float64 cannot hold": with_raw("V3", "1e999"),
    "a whole number that a float64 cannot hold": with_raw("V3", "9" * 400),
} | {
    f"no {name}": json.dumps({k: v for k, v in FIELDS.items() if k != name}).encode()
    for name in FIELDS
}


@pytest.mark.parametrize("value", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_accepted(value):
    read(value)
    check_decoding(value)


@pytest.mark.parametrize(
    "text",
    [
        "2016-12-31T23:59:60Z",
        "2017-01-01T00:59:60.25+01:00",
        "1972-06-30T16:59:60-07:00",
    ],
)
def test_a_leap_second_is_the_last_microsecond_before_it(text):
    at = read(message(event_time=text)).event_time
    last = at + timedelta(microseconds=1)
    assert last.astimezone(UTC).time() == time()
    assert last.astimezone(UTC).date() in (date(2017, 1, 1), date(1972, 7, 1))


WRAPPED = {
    "Schema Registry": b"\0\0\0\0\7" + message(),
    "Kafka Connect": b'{"schema":{"type":"struct"},"payload":' + message() + b"}",
    "Debezium": b'{"before":null,"after":' + message() + b',"op":"c"}',
    "CloudEvent": b'{"specversion":"1.0","data":' + message() + b"}",
}


@pytest.mark.parametrize(("envelope", "value"), WRAPPED.items(), ids=WRAPPED.keys())
def test_an_envelope_is_named(envelope, value):
    with pytest.raises(InvalidTransactionError, match=envelope) as caught:
        read(value)
    assert len(caught.value.detail) < 200


UNREADABLE = {
    "the value is empty": b"",
    "starts with a byte order mark": b"\xef\xbb\xbf" + message(),
    "is UTF-16": message().decode().encode("utf-16"),
    "UTF-16: send UTF-8": message().decode().encode("utf-16-le"),
    "is UTF-32": message().decode().encode("utf-32"),
    "compressed with gzip": gzip.compress(message()),
    "nested more than 100 levels deep": with_raw("note", "[" * 2000 + "]" * 2000),
    "half of a surrogate pair": with_raw("note", r'"\ud800"'),
    "JSON is malformed": b"\0" * 20,
    "codec can't decode": bytes(range(256)),
    "truncated": message()[:-1],
}


@pytest.mark.parametrize(("said", "value"), UNREADABLE.items(), ids=UNREADABLE.keys())
def test_what_is_not_json_is_named(said, value):
    with pytest.raises(InvalidTransactionError, match=said) as caught:
        read(value)
    assert caught.value.kind == "malformed_json"
    assert "Schema Registry" not in caught.value.detail


def test_a_field_of_an_envelope_alone_is_not_taken_for_one():
    with pytest.raises(InvalidTransactionError, match="missing required field"):
        read(b'{"payload":1,"after":null,"data":[]}')


@pytest.mark.parametrize("value", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed(value):
    assert kind_of(value) == "malformed_json"


@pytest.mark.parametrize("value", INVALID.values(), ids=INVALID.keys())
def test_invalid(value):
    assert kind_of(value) == "invalid_transaction"


def test_too_large():
    assert kind_of(ACCEPTED["exactly the largest size"] + b" ") == "too_large"


@pytest.mark.parametrize(
    "change",
    [
        {"transaction_id": "x" * 129},
        {"account_id": ""},
        {"V3": FLOAT32_OVERFLOW},
        {"V3": -FLOAT32_OVERFLOW},
        {"V3": math.inf},
        {"V3": math.nan},
        {"V1": "1"},
        {"V1": True},
        {"Amount": -5e-324},
        {"event_time": datetime(2013, 9, 1)},
    ],
)
def test_pydantic_has_the_same_limits(change):
    valid = FIELDS | {"event_time": read(message()).event_time}
    Transaction.model_validate(valid)
    with pytest.raises(ValidationError):
        Transaction.model_validate(valid | change)


def test_what_is_valid_does_not_depend_on_the_callers_stack():
    def deeper(calls, value):
        return deeper(calls - 1, value) if calls else read(value)

    deepest = ACCEPTED["nested as deep as allowed"]
    assert deeper(500, deepest) == read(deepest)
