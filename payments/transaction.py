"""The transactions of a schema as pydantic models.

The decoder (`payments.decoder`), the JSON Schemas and the API's schema are derived from them.
"""

from collections.abc import Sequence
from keyword import iskeyword
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, Field, create_model

from payments.contract import IDENTIFIER_CHARACTERS, Float32, Identifier, Message
from payments.schema.declaration import MICROSECONDS, FieldDeclaration
from payments.schema.reading import Schema

TEXT_CHARACTERS = 1024  # at most, of a text; longer ones belong in a system of their own
_YEAR_1_S = -62_135_596_800  # since 1970
_YEAR_10000_S = 253_402_300_800
# Amounts in minor units fit an int64 even summed over a million payments.
_MOST_MINOR = 2**43

_TYPES: dict[str, Any] = {
    "id": Identifier,
    "entity": Identifier,
    "time": Annotated[AwareDatetime, Field(description="RFC 3339 with an offset")],
    "amount": Annotated[Float32, Field(ge=0)],
    "number": Float32,
    "boolean": bool,
    "category": Annotated[str, Field(max_length=IDENTIFIER_CHARACTERS)],
    "text": Annotated[str, Field(max_length=TEXT_CHARACTERS)],
}


def make_transaction_model(schema: Schema) -> type[BaseModel]:
    """Return the model of a schema's transactions, with all fields as declared."""
    return _make_model("Transaction", "One payment.", schema.fields)


def make_payment_model(schema: Schema) -> type[BaseModel]:
    """Return the model of the fields that a schema's features read, for `POST /predict`."""
    fields = {name: schema.fields[name] for name in list_payment_fields(schema)}
    return _make_model("Payment", "What the model reads of a transaction.", fields)


def make_fields_model(schema: Schema, names: Sequence[str]) -> type[BaseModel]:
    """Return the model of some fields of a schema's transactions."""
    fields = {name: schema.fields[name] for name in names}
    return _make_model("Fields", "Some fields of a transaction.", fields)


def list_payment_fields(schema: Schema) -> list[str]:
    """Return the fields that a schema's features read, in the order of their declaration."""
    read = set(schema.inputs)
    if schema.declaration.features.calendar:
        read.add(schema.roles.time)
    return [name for name in schema.fields if name in read]


def name_member(part: str) -> str:
    """Return the attribute of a model for a JSON object's member.

    It is the member's name, unless that cannot be an attribute: then the member's is an alias.
    """
    usable = part.isidentifier() and not part.startswith("_") and not hasattr(Message, part)
    return part if usable and not iskeyword(part) else f"member_{part.encode().hex()}"


def _make_model(
    title: str, description: str, fields: dict[str, FieldDeclaration]
) -> type[BaseModel]:
    """Return a model with a nested one for each object that a field's path leads through."""
    members: dict[str, Any] = {}
    nested: dict[str, dict[str, FieldDeclaration]] = {}
    for name, field in fields.items():
        first, *rest = field.find_parts(name)
        members[first] = _annotate(field)  # of a nested object, replaced below
        if rest:
            inner = field.model_copy(update={"path": ".".join(rest)})
            nested.setdefault(first, {})[name] = inner
    for first, inside in nested.items():
        model = _make_model(first.title(), f"The members of {first}.", inside)
        optional = all(field.optional for field in inside.values())
        members[first] = (model | None, None) if optional else (model, ...)
    attributes: dict[str, Any] = {
        name_member(part): _alias(part, *member) for part, member in members.items()
    }
    return create_model(title, __base__=Message, __doc__=description, **attributes)


def _annotate(field: FieldDeclaration) -> tuple[Any, Any]:
    """Return a field's annotation and its default."""
    kind = _TYPES[field.type]
    if field.type == "time" and field.stream_unit != "rfc3339":
        kind = Annotated[int | float, _describe_number(field.stream_unit)]
    elif field.unit == "minor":
        kind = Annotated[int, Field(ge=0, lt=_MOST_MINOR)]
    elif field.type == "category" and not field.optional:
        kind = Annotated[kind, Field(min_length=1)]
    return (kind | None, None) if field.optional else (kind, ...)


def _describe_number(unit: str) -> Any:
    """Return what a time in a number may be, within the years 0001 to 9999."""
    a_second = MICROSECONDS["s"] // MICROSECONDS[unit]
    limits: dict[str, Any] = {
        "minimum": _YEAR_1_S * a_second,
        "exclusiveMaximum": _YEAR_10000_S * a_second,
    }
    return Field(description=f"{unit} since 1970", json_schema_extra=limits)


def _alias(part: str, annotation: Any, default: Any) -> tuple[Any, Any]:
    if name_member(part) == part:
        return annotation, default
    return annotation, Field(default, alias=part)
