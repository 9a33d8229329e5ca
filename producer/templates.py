"""The JSON of transactions, with marks in place of their id and time, which change with each lap.

The members are the id, the time, the key, and the other fields as declared. A field without a value
is absent, and so is a nested object without a field.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from payments.files.cells import Column
from payments.files.columns import TEXTS
from payments.members import open_object
from payments.schema.declaration import FieldDeclaration
from payments.schema.reading import Schema

# Control characters never occur in JSON.
ID = b"\x01"
TIME = b"\x02"

_encode = msgspec.json.Encoder().encode


def write_templates(schema: Schema, columns: Mapping[str, Column]) -> list[bytes]:
    """Return the template of each row from the columns of a batch."""
    roles = schema.roles
    # Arrow scalars are the same in each row
    texts: dict[str, Any] = {roles.id: pa.scalar(ID), roles.time: pa.scalar(TIME)}
    for name, field in schema.fields.items():
        column = columns.get(schema.columns[name])
        if column is not None and name not in texts:
            texts[name] = _encode_cells(field, column.texts)
    templates: list[bytes] = _enclose(_join(_arrange(schema), texts)).to_pylist()
    return templates


def _arrange(schema: Schema) -> dict[str, Any]:
    """Return the members as nested as in a transaction: a name and its field, or more members."""
    roles = schema.roles
    tree: dict[str, Any] = {}
    for name in dict.fromkeys((roles.id, roles.time, roles.key, *schema.fields)):
        *groups, leaf = schema.fields[name].find_parts(name)
        open_object(tree, groups)[leaf] = name
    return tree


def _encode_cells(field: FieldDeclaration, texts: pa.Array) -> pa.Array:
    """Return cells as JSON, null if missing."""
    if field.type == "boolean":
        numbers = texts.cast(pa.string()).cast(pa.float64())
        return pc.if_else(numbers.cast(pa.bool_()), b"true", b"false")
    if field.type in TEXTS:
        encoded = [None if text is None else _encode(text) for text in texts.to_pylist()]
        return pa.array(encoded, pa.binary())
    return texts


def _join(members: Mapping[str, Any], texts: Mapping[str, Any]) -> Any:
    """Return the members of an object, each after a comma."""
    parts: list[Any] = []
    for name, node in members.items():
        key = pa.scalar(b",%b:" % _encode(name))
        if isinstance(node, dict):
            inner = _join(node, texts)
            value = pc.if_else(pc.equal(inner, b""), None, _enclose(inner))
        elif node in texts:
            value = texts[node]
        else:
            continue
        if isinstance(value, pa.Array) and value.null_count:
            parts.append(pc.binary_join_element_wise(key, value, b""))  # null without its value
        else:
            parts += [key, value]
    return pc.binary_join_element_wise(*parts, b"", null_handling="skip") if parts else b""


def _enclose(members: Any) -> Any:
    """Return the object of members that each follow a comma."""
    opened = pc.binary_replace_slice(members, 0, 1, b"{")
    return pc.binary_join_element_wise(opened, b"}", b"")
