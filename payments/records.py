"""Fast records for the per-transaction path, compiled from the models in `payments.contract`.

msgspec decodes several times as fast as pydantic. The structs get the models' fields, types and
limits, so nothing is declared twice.
"""

import re
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo

from payments.contract import (
    Alert,
    KeptAlert,
    KeptLabel,
    Label,
    Prediction,
    Reason,
    Source,
    Thresholds,
)
from payments.rfc3339 import AwareTime, TimeFormatError, parse_time


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


def _translate_type(annotation: Any, metadata: list[Any], time: Any) -> Any:
    """Return a pydantic annotation and its constraints as a msgspec type."""
    if annotation is AwareDatetime:
        return time
    origin = get_origin(annotation)
    parts = get_args(annotation)
    if origin is Annotated:
        return _translate_type(parts[0], [*metadata, *parts[1:]], time)
    if origin in (Union, UnionType):
        members = tuple(_translate_type(part, metadata, time) for part in parts)
        return Union[members]  # noqa: UP007 - built at run time
    if origin in (list, dict):
        return origin.__class_getitem__(tuple(_translate_type(part, [], time) for part in parts))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return make_struct(annotation, time)
    limits = _list_limits(metadata) if annotation in (str, float, int) else {}
    return Annotated[annotation, msgspec.Meta(**limits)] if limits else annotation


def make_struct(
    model: type[BaseModel], time: Any = AwareTime, **replace: Any
) -> type[msgspec.Struct]:
    """Return a msgspec struct with a pydantic model's fields, in order.

    `time` is the type of times, and `replace` maps field names to types that replace the model's.
    """
    fields: list[Any] = []
    names: dict[str, str] = {}
    for name, info in model.model_fields.items():
        kind = replace.get(name) or _translate_type(info.annotation, info.metadata, time)
        fields.append((name, kind) if info.is_required() else (name, kind, info.default))
        names[name] = info.alias or name
    return msgspec.defstruct(
        model.__name__, fields, kw_only=True, gc=False, omit_defaults=True, rename=names
    )


ReasonRecord = make_struct(Reason)
SourceRecord = make_struct(Source)
# Outputs carry the input byte for byte, so it is never encoded again.
PredictionRecord = make_struct(Prediction, transaction=msgspec.Raw)
AlertRecord = make_struct(Alert, transaction=msgspec.Raw)
# Alerts of version 1 are on the topic for as long as it keeps them.
KeptAlertRecord = make_struct(KeptAlert, transaction=msgspec.Raw)
ThresholdsRecord = make_struct(Thresholds)
LabelRecord = make_struct(Label)

_Kept = make_struct(KeptLabel, labelled_at=msgspec.Raw, event_time=msgspec.Raw)
_decode_label = msgspec.json.Decoder(_Kept).decode


def decode_label(value: bytes) -> Any:
    """Return a label with KeptLabel's fields.

    Raises what is in UNREADABLE. Its text may quote the record: log `describe_error`.
    """
    label: Any = _decode_label(value)
    label.labelled_at = parse_time(bytes(label.labelled_at))
    if label.event_time is not None:
        label.event_time = parse_time(bytes(label.event_time))
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
