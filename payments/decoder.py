"""Decode the transactions of a schema; nothing else defines what is valid."""

from collections.abc import Callable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, Literal, get_args

import msgspec
import numpy as np
from pydantic import BaseModel

from payments.arrays import Ints, Singles
from payments.envelopes import describe_envelope, describe_malformed
from payments.features import FeatureEncoder
from payments.json_limits import TOO_DEEP, JsonLimitError, check_json_limits
from payments.records import make_struct
from payments.rfc3339 import TimeFormatError, count_microseconds, parse_number, parse_time
from payments.schema.declaration import MICROSECONDS
from payments.schema.reading import Schema
from payments.transaction import (
    list_payment_fields,
    make_fields_model,
    make_payment_model,
    make_transaction_model,
    name_member,
)

DeadLetterKind = Literal["malformed_json", "invalid_transaction", "too_large", "scoring_failed"]
DEAD_LETTER_KINDS: tuple[DeadLetterKind, ...] = get_args(DeadLetterKind)
MAX_TRANSACTION_BYTES = 64 * 1024

_astuple: Callable[[Any], tuple[Any, ...]] = msgspec.structs.astuple


class InvalidTransactionError(ValueError):
    """A record that is not a valid transaction. `kind` is one of DEAD_LETTER_KINDS."""

    def __init__(self, kind: DeadLetterKind, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail


class DecodedTransaction(msgspec.Struct, gc=False):
    """A valid transaction. `key` is its entity that is the message key; `amount` in major units.

    `values` are those of the schema's `inputs` as they were sent, None for a missing one, and
    `compared` those of its `history_fields`.
    """

    transaction_id: str
    event_time: datetime
    key: str | None
    amount: float
    values: tuple[Any, ...]
    compared: tuple[str | None, ...] = ()


class _Layout:
    """How to read the fields of a message: `names`, which may be members of nested objects."""

    def __init__(self, model: type[BaseModel], schema: Schema, names: list[str]) -> None:
        self.decode = msgspec.json.Decoder(make_struct(model, time=msgspec.Raw)).decode
        self.flatten = _make_flattener(schema, names)
        self.time = names.index(schema.roles.time) if schema.roles.time in names else None
        self.pick_inputs = _make_picker([names.index(name) for name in schema.inputs])
        self.minor = _list_minor(schema, names)


class TransactionDecoder:
    """Decodes a schema's transactions, and writes them as rows of the model's matrix.

    Raises InvalidTransactionError for a value that is not a valid transaction.
    """

    def __init__(self, encoder: FeatureEncoder) -> None:
        schema = encoder.schema
        roles = schema.roles
        names = list(schema.fields)
        self.schema = schema
        self.encoder = encoder
        self._transaction = _Layout(make_transaction_model(schema), schema, names)
        self._payment = _Layout(make_payment_model(schema), schema, list_payment_fields(schema))
        self._id, self._key, self._amount = (
            names.index(name) for name in (roles.id, roles.key, roles.amount)
        )
        self._pick_compared = _make_picker([names.index(name) for name in schema.history_fields])
        self._time_field = schema.fields[roles.time].path or roles.time
        self._time_unit = schema.fields[roles.time].stream_unit

    def decode(
        self,
        value: bytes | None,
        rows: bytearray,
        row: int,
        max_bytes: int = MAX_TRANSACTION_BYTES,
    ) -> DecodedTransaction:
        """Decode and validate a transaction.

        Its inputs are written as float32 to row number `row` of `rows` (`encoder.row_bytes` each).
        """
        fields, at = self._read(self._transaction, value, rows, row, max_bytes)
        return DecodedTransaction(
            fields[self._id],
            at,
            fields[self._key],
            fields[self._amount],
            self._transaction.pick_inputs(fields),
            self._pick_compared(fields),
        )

    def decode_one(self, value: bytes) -> tuple[DecodedTransaction, Singles]:
        """Return a transaction, and its features as float32[1, features].

        Those of history are missing.
        """
        rows = bytearray(self.encoder.row_bytes)
        sent = self.decode(value, rows, 0)
        return sent, self._complete(rows, sent.event_time)

    def decode_payment(self, value: bytes) -> tuple[tuple[Any, ...], Singles]:
        """Return the inputs of a payment, and its features as float32[1, features].

        It needs only the fields that features read. Those of history are missing.
        """
        rows = bytearray(self.encoder.row_bytes)
        fields, at = self._read(self._payment, value, rows, 0, MAX_TRANSACTION_BYTES)
        return self._payment.pick_inputs(fields), self._complete(rows, at)

    def _complete(self, rows: bytearray, at: datetime | None) -> Singles:
        matrix = np.frombuffer(rows, np.float32).reshape(1, -1)
        if at is not None:
            self.encoder.add_calendar(matrix, compute_times_ms([at]))
        self.encoder.add_history(
            matrix, np.full((1, len(self.encoder.history)), np.nan, np.float32)
        )
        return matrix

    def _read(
        self,
        layout: _Layout,
        value: bytes | None,
        rows: bytearray,
        row: int,
        max_bytes: int,
    ) -> tuple[Sequence[Any], Any]:
        """Return a message's fields, and its time or None if it has none."""
        if value is None:
            raise InvalidTransactionError("malformed_json", "the value is null")
        if len(value) > max_bytes:
            raise InvalidTransactionError(
                "too_large", f"{len(value)} bytes, {max_bytes} are allowed"
            )
        try:
            if not value.isascii():  # faster than decoding, and true of most values
                # Strict, because msgspec doesn't check the text of fields that it skips.
                value.decode()
            fields = layout.flatten(layout.decode(value))
            if layout.minor:
                fields = _convert_minor_units(fields, layout.minor)
            self.encoder.pack(rows, row, layout.pick_inputs(fields))
            check_json_limits(value)
            at = None if layout.time is None else self._parse_time(fields[layout.time])
        except msgspec.ValidationError as error:
            detail = describe_envelope(value) or str(error)
            raise InvalidTransactionError("invalid_transaction", detail) from None
        except TimeFormatError as error:
            raise InvalidTransactionError(
                "invalid_transaction", f"{self._time_field} is {error}"
            ) from None
        except OverflowError:
            raise InvalidTransactionError(
                "invalid_transaction", "a number does not fit a float32"
            ) from None
        except JsonLimitError as error:
            raise InvalidTransactionError("malformed_json", str(error)) from None
        except RecursionError:
            raise InvalidTransactionError("malformed_json", TOO_DEEP) from None
        except (msgspec.DecodeError, UnicodeError) as error:
            found = describe_envelope(value) or describe_malformed(value)
            raise InvalidTransactionError(
                "malformed_json", found or f"{type(error).__name__}: {error}"
            ) from None
        return fields, at

    def _parse_time(self, sent: Any) -> datetime:
        if self._time_unit == "rfc3339":
            return parse_time(bytes(sent))
        return parse_number(sent, MICROSECONDS[self._time_unit])


def make_fields_reader(
    schema: Schema, names: Sequence[str]
) -> tuple[type[msgspec.Struct], Callable[[Any], Sequence[Any]]]:
    """Return the type of a valid transaction inside another message, to decode some of its fields.

    Also return a function that gives a decoded one's values of `names`, as `DecodedTransaction`
    has them.
    """
    flatten = _make_flattener(schema, names)
    minor = _list_minor(schema, names)

    def read(message: Any) -> Sequence[Any]:
        return _convert_minor_units(flatten(message), minor)

    return make_struct(make_fields_model(schema, names)), read if minor else flatten


def compute_times_ms(times: Sequence[datetime]) -> Ints:
    """Return int64[n] ms since 1970, cut from microseconds."""
    return np.array([count_microseconds(at) // 1000 for at in times], np.int64)


def _list_minor(schema: Schema, names: Sequence[str]) -> list[tuple[int, int]]:
    """Return the position and the divisor of each amount in minor units."""
    return [
        (index, 10 ** schema.fields[name].decimals)
        for index, name in enumerate(names)
        if schema.fields[name].unit == "minor"
    ]


def _make_flattener(schema: Schema, names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that gives a decoded message's values of the fields `names`."""
    paths = [[name_member(part) for part in schema.fields[name].find_parts(name)] for name in names]
    if all(len(path) == 1 for path in paths):
        return _astuple
    return lambda message: tuple(_follow(message, path) for path in paths)


def _follow(message: Any, path: Sequence[str]) -> Any:
    """Return a member of nested objects; None if one of them is missing."""
    for part in path:
        if message is None:
            return None
        message = getattr(message, part)
    return message


def _make_picker(positions: list[int]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """Return a function that gives a tuple's items at `positions`."""
    first = positions[0] if positions else 0
    if positions == list(range(first, first + len(positions))):  # as fast as it gets
        return itemgetter(slice(first, first + len(positions)))
    return itemgetter(*positions)


def _convert_minor_units(
    fields: Sequence[Any], minor: Sequence[tuple[int, int]]
) -> tuple[Any, ...]:
    converted = list(fields)
    for index, divisor in minor:
        if converted[index] is not None:
            converted[index] /= divisor
    return tuple(converted)
