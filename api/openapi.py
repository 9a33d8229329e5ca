"""OpenAPI descriptions of bodies that `payments.decoder` decodes instead of FastAPI."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from payments.members import open_object
from payments.schema.declaration import MICROSECONDS, FieldDeclaration
from payments.schema.reading import Schema

_EXAMPLES: dict[str, Any] = {
    "id": "t-1",
    "time": "2013-09-01T12:00:00+02:00",
    "entity": "account-7",
    "amount": 12.5,
    "number": 0.0,  # the mean of a principal component
    "boolean": False,
    "category": "other",
    "text": "text",
}


def make_example(schema: Schema, fields: Sequence[str]) -> dict[str, Any]:
    """Return an ordinary payment with these fields; optional ones are left out."""
    example: dict[str, Any] = {}
    for name in fields:
        field = schema.fields[name]
        if field.optional:
            continue
        *objects, last = field.find_parts(name)
        open_object(example, objects)[last] = _make_value(field)
    return example


def _make_value(field: FieldDeclaration) -> Any:
    if isinstance(field.values, list):
        return field.values[0]
    if field.unit == "minor":
        return 1250
    if field.type == "time" and field.stream_unit != "rfc3339":
        return 1_700_000_000_000_000 // MICROSECONDS[field.stream_unit]
    return _EXAMPLES[field.type]


def describe_body(model: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    """Return the `openapi_extra` of an operation whose body is a `model`."""
    described = model.model_json_schema()
    schema = _inline(described, described.pop("$defs", {}))
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


def _inline(described: Any, definitions: dict[str, Any]) -> Any:
    """Return a JSON Schema with the nested objects in place of references to them.

    A reference would be resolved from the top of the OpenAPI document.
    """
    if isinstance(described, list):
        return [_inline(item, definitions) for item in described]
    if not isinstance(described, dict):
        return described
    if "$ref" in described:
        return _inline(definitions[described["$ref"].rpartition("/")[2]], definitions)
    return {name: _inline(value, definitions) for name, value in described.items()}
