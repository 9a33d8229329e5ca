"""Fast records for the per-transaction path, compiled from the models in `payments.contract`.

msgspec decodes several times as fast as pydantic. The structs get the models' fields, types and
limits, so nothing is declared twice. `decode` raises InvalidTransactionError, with the kind and
detail of the dead letter.
"""

import re
from collections.abc import Callable
from datetime import datetime
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Protocol, Union, get_args, get_origin

import msgspec
from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo

from payments.contract import (
    INPUTS,
    Alert,
    Label,
    Payment,
    Prediction,
    Reason,
    Thresholds,
    Transaction,
)
from payments.envelopes import describe_envelope, describe_malformed
from payments.features import pack
from payments.json_limits import TOO_DEEP, JsonLimitError, check_json_limits
from payments.rfc3339 import AwareTime, TimeFormatError, parse_time

DeadLetterKind = Literal["malformed_json", "invalid_transaction", "too_large", "scoring_failed"]
DEAD_LETTER_KINDS: tuple[DeadLetterKind, ...] = get_args(DeadLetterKind)
MAX_TRANSACTION_BYTES = 64 * 1024
ROW_BYTES = 4 * len(INPUTS)


class InvalidTransactionError(ValueError):
    """A record that is not a valid transaction. `kind` is one of DEAD_LETTER_KINDS."""

    def __init__(self, kind: DeadLetterKind, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail


class TransactionRecord(Protocol):
    """A decoded transaction; `get_inputs` reads its V1..V28 and Amount."""

    transaction_id: str
    event_time: datetime
    Amount: float
    account_id: str | None


def _list_limits(metadata: list[Any]) -> dict[str, Any]:
    """Return the limits that msgspec checks; packing into a float32 checks a number's size."""
    limits: dict[str, Any] = {}
    for item in metadata:
        if isinstance(item, FieldInfo):
            limits |= _list_limits(item.metadata)
        for name in ("ge", "min_length", "max_length"):
            if getattr(item, name, None) is not None:
                limits[name] = getattr(item, name)
    return limits


def _translate_type(annotation: Any, metadata: list[Any]) -> Any:
    """Return a pydantic annotation and its constraints as a msgspec type."""
    if annotation is AwareDatetime:
        return AwareTime
    origin = get_origin(annotation)
    parts = get_args(annotation)
    if origin is Annotated:
        return _translate_type(parts[0], [*metadata, *parts[1:]])
    if origin in (Union, UnionType):
        members = tuple(_translate_type(part, metadata) for part in parts)
        return Union[members]  # noqa: UP007 - built at run time
    if origin is list:
        return list.__class_getitem__(_translate_type(parts[0], []))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return make_struct(annotation)
    limits = _list_limits(metadata) if annotation in (str, float) else {}
    return Annotated[annotation, msgspec.Meta(**limits)] if limits else annotation


def make_struct(model: type[BaseModel], **replace: Any) -> type[msgspec.Struct]:
    """Return a msgspec struct with a pydantic model's fields, in order.

    `replace` maps field names to types that replace the model's.
    """
    fields: list[Any] = []
    for name, info in model.model_fields.items():
        kind = replace.get(name) or _translate_type(info.annotation, info.metadata)
        fields.append((name, kind) if info.is_required() else (name, kind, info.default))
    return msgspec.defstruct(model.__name__, fields, kw_only=True, gc=False, omit_defaults=True)


# Outputs carry the input byte for byte, so it is never encoded again.
PredictionRecord = make_struct(Prediction, transaction=msgspec.Raw)
AlertRecord = make_struct(Alert, transaction=msgspec.Raw)
ReasonRecord = make_struct(Reason)
ThresholdsRecord = make_struct(Thresholds)
LabelRecord = make_struct(Label)
TransactionStruct = make_struct(Transaction, event_time=msgspec.Raw)  # `decode` parses it


_decode_label = msgspec.json.Decoder(make_struct(Label, labelled_at=msgspec.Raw)).decode


def decode_label(value: bytes) -> Any:
    """Return a label with LabelRecord's fields.

    Raises what is in UNREADABLE. Its text may quote the record: log `describe_error`.
    """
    label: Any = _decode_label(value)
    label.labelled_at = parse_time(bytes(label.labelled_at))
    return label


UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError, TimeFormatError)
"""What decoding a record of a topic raises if it is not what the topic holds."""

_QUOTED = re.compile(r"value .*(?= - at `\$[^`]*`\Z)|value .*\Z", re.DOTALL)
_SHOWN_CHARACTERS = 200


def describe_error(error: Exception) -> str:
    """Return what is wrong with a record, without its values, in at most 200 characters."""
    if isinstance(error, UnicodeError):
        return "not UTF-8"
    return _QUOTED.sub("value", str(error))[:_SHOWN_CHARACTERS] or type(error).__name__


class Layout(NamedTuple):
    """A message that carries inputs.

    `decode` is its decoder, `inputs` the positions of the inputs in its fields, and `is_timed` says
    whether it has an event_time.
    """

    decode: Callable[[bytes], Any]
    inputs: slice
    is_timed: bool


def _make_layout(struct: type[msgspec.Struct]) -> Layout:
    names = struct.__struct_fields__
    first = names.index(INPUTS[0])
    positions = slice(first, first + len(INPUTS))
    return Layout(msgspec.json.Decoder(struct).decode, positions, "event_time" in names)


_astuple: Callable[[Any], tuple[Any, ...]] = msgspec.structs.astuple
TRANSACTION = _make_layout(TransactionStruct)
PAYMENT = _make_layout(make_struct(Payment))


def get_inputs(record: TransactionRecord, layout: Layout = TRANSACTION) -> tuple[float, ...]:
    """Return V1..V28 and Amount as they were sent, in the order of `INPUTS`."""
    return _astuple(record)[layout.inputs]


def decode(
    value: bytes | None,
    rows: bytearray,
    row: int,
    max_bytes: int = MAX_TRANSACTION_BYTES,
    layout: Layout = TRANSACTION,
) -> TransactionRecord:
    """Decode and validate a transaction; nothing else defines what is valid.

    With the layout PAYMENT the value has no transaction_id and no event_time. The inputs are
    written as float32 to row number `row` of `rows` (ROW_BYTES each, in the order of `INPUTS`),
    which is the matrix that the model reads. Raises InvalidTransactionError.
    """
    if value is None:
        raise InvalidTransactionError("malformed_json", "the value is null")
    if len(value) > max_bytes:
        raise InvalidTransactionError("too_large", f"{len(value)} bytes, {max_bytes} are allowed")
    try:
        if not value.isascii():  # faster than decoding, and true of most values
            # Strict, because msgspec doesn't check the text of fields that it skips.
            value.decode()
        record = layout.decode(value)
        pack(rows, row * ROW_BYTES, *get_inputs(record, layout))
        check_json_limits(value)
        if layout.is_timed:
            record.event_time = parse_time(bytes(record.event_time))
    except msgspec.ValidationError as error:
        detail = describe_envelope(value) or str(error)
        raise InvalidTransactionError("invalid_transaction", detail) from None
    except TimeFormatError as error:
        raise InvalidTransactionError("invalid_transaction", f"event_time is {error}") from None
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
    decoded: TransactionRecord = record
    return decoded
