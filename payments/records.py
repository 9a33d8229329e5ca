"""Fast records for the per-transaction path, compiled from the one declaration in `payments.contract`.

    InvalidTransactionError      what `decode` raises: the record is a dead letter, with its kind and its detail

msgspec decodes several times as fast as pydantic; it is given the same fields, types and limits, so nothing is declared twice.
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
from payments.features import pack

DeadLetterKind = Literal["malformed_json", "invalid_transaction", "too_large", "scoring_failed"]
DEAD_LETTER_KINDS: tuple[DeadLetterKind, ...] = get_args(DeadLetterKind)
MAX_TRANSACTION_BYTES = 64 * 1024
ROW_BYTES = 4 * len(INPUTS)
# Only fields that are ignored can nest. Decoders give up at a depth that depends on their caller's stack (msgspec and json at 1,000 less
# that, pydantic at 200), so without a limit of its own one record would be valid here and unreadable in the next process.
MAX_NESTING = 100
# As long a number, again only possible in fields that are ignored, is refused by other readers: by Python's json from 4,301 digits on,
# by Jackson from 1,001 characters on (its StreamReadConstraints).
MAX_NUMBER_LENGTH = 1000
# In bytes; Jackson refuses names of more characters than that (as above).
MAX_NAME_LENGTH = 50_000


class InvalidTransactionError(ValueError):
    """A record that is no transaction. `kind` is one of DEAD_LETTER_KINDS; `detail` says why."""

    def __init__(self, kind: DeadLetterKind, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail


class TransactionRecord(Protocol):
    """A decoded transaction: the fields of `payments.contract.Transaction`; V1..V28 and Amount by `inputs`."""

    transaction_id: str
    event_time: datetime
    Amount: float
    account_id: str | None


def _limits(metadata: list[Any]) -> dict[str, Any]:
    """The limits that msgspec checks; a number's size is checked where it is packed into a float32."""
    limits: dict[str, Any] = {}
    for item in metadata:
        if isinstance(item, FieldInfo):
            limits |= _limits(item.metadata)
        for name in ("ge", "min_length", "max_length"):
            if getattr(item, name, None) is not None:
                limits[name] = getattr(item, name)
    return limits


def _msgspec_type(annotation: Any, metadata: list[Any]) -> Any:
    """The msgspec form of a pydantic annotation and its constraints."""
    if annotation is AwareDatetime:
        return Annotated[datetime, msgspec.Meta(tz=True)]
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _msgspec_type(parts[0], [*metadata, *parts[1:]])
    if origin in (Union, UnionType):
        return Union[tuple(_msgspec_type(part, metadata) for part in parts)]  # noqa: UP007 - built at run time
    if origin is list:
        return list.__class_getitem__(_msgspec_type(parts[0], []))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return struct_of(annotation)
    limits = _limits(metadata) if annotation in (str, float) else {}
    return Annotated[annotation, msgspec.Meta(**limits)] if limits else annotation


def struct_of(model: type[BaseModel], **replace: Any) -> type[msgspec.Struct]:
    """A msgspec struct with a pydantic model's fields, in its order; `replace` gives other types to some of them."""
    fields: list[Any] = []
    for name, info in model.model_fields.items():
        kind = replace.get(name) or _msgspec_type(info.annotation, info.metadata)
        fields.append((name, kind) if info.is_required() else (name, kind, info.default))
    return msgspec.defstruct(model.__name__, fields, kw_only=True, gc=False, omit_defaults=True)


# The input stands in every output byte for byte: it is never decoded and encoded again.
PredictionRecord = struct_of(Prediction, transaction=msgspec.Raw)
AlertRecord = struct_of(Alert, transaction=msgspec.Raw)
ReasonRecord = struct_of(Reason)
ThresholdsRecord = struct_of(Thresholds)
LabelRecord = struct_of(Label)
TransactionStruct = struct_of(Transaction)

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_LIST = ord("[")  # looking for a byte's number is several times as fast as looking for bytes
_BRACKET = re.compile(rb"[\[\]{}]")
_LONG_NUMBER = re.compile(rb"[0-9.eE+-]{%d}" % (MAX_NUMBER_LENGTH + 1))
_TEXT = re.compile(
    rb'("(?:[^"\\]|\\.)*")\s*(:?)'
)  # strings in their order, and whether each is a name


class Layout(NamedTuple):
    """A message that carries inputs: how it is decoded, and where they stand among its fields."""

    decode: Callable[[bytes], Any]
    inputs: slice


def _layout(struct: type[msgspec.Struct]) -> Layout:
    first = struct.__struct_fields__.index(INPUTS[0])
    return Layout(msgspec.json.Decoder(struct).decode, slice(first, first + len(INPUTS)))


_astuple: Callable[[Any], tuple[Any, ...]] = msgspec.structs.astuple
TRANSACTION = _layout(TransactionStruct)
PAYMENT = _layout(struct_of(Payment))


def inputs(record: TransactionRecord, layout: Layout = TRANSACTION) -> tuple[float, ...]:
    """V1..V28 and Amount as they were sent, in the order of `INPUTS`."""
    return _astuple(record)[layout.inputs]


def _nesting(value: bytes) -> int:
    """How deep a JSON document is nested; 1 for a flat object."""
    depth = deepest = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", value)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _longest_name(value: bytes) -> int:
    """Bytes of the longest field name of a JSON document, its quotes left out."""
    return max((len(text[1]) - 2 for text in _TEXT.finditer(value) if text[2]), default=0)


def decode(
    value: bytes | None,
    rows: bytearray,
    row: int,
    max_bytes: int = MAX_TRANSACTION_BYTES,
    layout: Layout = TRANSACTION,
) -> TransactionRecord:
    """The one definition of what is a valid transaction; with the layout PAYMENT, of one that has no name and no time yet.

    Its inputs are written as float32 into row number `row` of `rows` (ROW_BYTES each, order of `INPUTS`), which is the matrix
    that the model reads. Raises InvalidTransactionError.
    """
    if value is None:
        raise InvalidTransactionError("malformed_json", "the value is null")
    if len(value) > max_bytes:
        raise InvalidTransactionError("too_large", f"{len(value)} bytes, {max_bytes} are allowed")
    try:
        if not value.isascii():  # quicker than decoding it, and most are
            value.decode()  # strict: msgspec does not look into the text of fields that it skips; it refuses lone surrogates everywhere
        record: TransactionRecord = layout.decode(value)
        pack(rows, row * ROW_BYTES, *inputs(record, layout))
        if (_LIST in value or value.find(b"{", 1) > 0) and _nesting(value) > MAX_NESTING:
            raise InvalidTransactionError(
                "malformed_json", f"nested more than {MAX_NESTING} levels deep"
            )
        if len(value) > MAX_NUMBER_LENGTH and _LONG_NUMBER.search(_STRING.sub(b"", value)):
            raise InvalidTransactionError(
                "malformed_json", f"a number of more than {MAX_NUMBER_LENGTH} characters"
            )
        if len(value) > MAX_NAME_LENGTH and _longest_name(value) > MAX_NAME_LENGTH:
            raise InvalidTransactionError(
                "malformed_json", f"a field's name of more than {MAX_NAME_LENGTH} bytes"
            )
    except msgspec.ValidationError as error:
        raise InvalidTransactionError("invalid_transaction", str(error)) from None
    except OverflowError:
        raise InvalidTransactionError(
            "invalid_transaction", "a number does not fit a float32"
        ) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidTransactionError(
            "malformed_json", f"{type(error).__name__}: {error}"
        ) from None
    return record
