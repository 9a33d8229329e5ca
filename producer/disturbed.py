"""Inject drift into the rows of a file, with the disturbances of the simulator."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import msgspec
import numpy as np

from payments.arrays import Floats
from payments.files.reader import Batch, open_file
from payments.members import get_member, open_object
from payments.schema.reading import DEFAULT, Schema, read_schema
from producer.errors import SimulationError
from producer.rows import Row, Selection
from producer.simulation.disturbance import (
    CREDITCARD,
    ON_FEATURE,
    Disturbance,
    Vocabulary,
    disturb_inputs,
)
from producer.simulation.parameters import Parameters
from producer.templates import ID, TIME

_CHUNK = 1_000
SEED = 1
_MEASURED_ROWS = 100_000
# The marks of a template as JSON, and back.
_MARKS = ((ID, b'"\\u0001"'), (TIME, b'"\\u0002"'))


class Inputs(NamedTuple):
    """The numbers that disturbances change: fields, with mean and sd of legitimate payments."""

    schema: Schema
    names: tuple[str, ...]
    mean: Floats
    sd: Floats


def _list_numbers(schema: Schema) -> tuple[str, ...]:
    names = schema.declaration.features.numbers
    return tuple(name for name in names if schema.fields[name].type != "boolean")


def make_vocabulary(schema: Schema) -> Vocabulary:
    """Return what may be disturbed. Raise SimulationError if the schema has no numbers."""
    if schema == read_schema(DEFAULT):
        return CREDITCARD
    names = _list_numbers(schema)
    if not names:
        raise SimulationError(f"the schema {schema.name} has no numbers to disturb")
    return Vocabulary(
        dict.fromkeys(ON_FEATURE, names), ", ".join(names), f"shift:{names[0]}@5000:2"
    )


def load_inputs() -> Inputs:
    """Return the inputs of the schema `creditcard`, measured on its training rows."""
    schema = read_schema(DEFAULT)
    parameters = Parameters.load()
    return Inputs(schema, _list_numbers(schema), parameters.mean, parameters.sd)


def measure_inputs(selection: Selection) -> Inputs:
    """Return the inputs of a file's schema, measured on the first 100,000 selected rows."""
    schema = selection.schema
    if schema == read_schema(DEFAULT):
        return load_inputs()
    names = _list_numbers(schema)
    file = open_file(selection.path, schema)
    end = selection.first + _MEASURED_ROWS
    stop = end if selection.stop is None else min(end, selection.stop)
    parts = [
        _read_legitimate(batch, schema, names) for batch in file.read_batches(selection.first, stop)
    ]
    values = np.ma.masked_invalid(np.concatenate(parts))
    return Inputs(schema, names, values.mean(axis=0).filled(0.0), values.std(axis=0).filled(0.0))


def _read_legitimate(batch: Batch, schema: Schema, names: Sequence[str]) -> Floats:
    """Return the numbers of rows that are not known as frauds, float64[n, names]."""
    missing = np.full(batch.size, np.nan)
    columns = [batch.columns.get(schema.columns[name]) for name in names]
    values = np.column_stack([missing if one is None else one.values for one in columns])
    label = schema.roles.label
    return values[batch.read_numbers(label) != 1] if label in batch.columns else values


def disturb(
    rows: Iterable[Row],
    disturbances: Sequence[Disturbance],
    inputs: Inputs | None = None,
    seed: int = SEED,
) -> Iterator[Row]:
    """Yield the rows with disturbances applied. FROM and UNTIL count from the first row.

    `inputs` are by default those of the schema `creditcard`. The same seed gives the same rows.
    Raise SimulationError for a disturbance of the whole stream: it would need rows that the file
    does not have.
    """
    wrong = [one.kind for one in disturbances if one.kind not in ON_FEATURE]
    if wrong:
        raise SimulationError(
            f"{wrong[0]} cannot be applied to the rows of a file: "
            f"choose from {', '.join(ON_FEATURE)}, or use fraud simulate"
        )
    random = np.random.default_rng(seed)
    return _apply(iter(rows), disturbances, inputs or load_inputs(), random)


def _apply(
    rows: Iterator[Row],
    disturbances: Sequence[Disturbance],
    inputs: Inputs,
    random: np.random.Generator,
) -> Iterator[Row]:
    editor = _Editor(inputs)
    norm = (inputs.mean, inputs.sd)
    number = 0
    begin = 0.0
    while chunk := list(islice(rows, _CHUNK)):
        begin = begin if number else chunk[0].time
        where = (
            np.arange(number, number + len(chunk)),
            np.array([row.time for row in chunk]) - begin,
        )
        number += len(chunk)
        chance = random.random(len(chunk))
        touched = np.any([one.find_active(*where) for one in disturbances], axis=0)
        if not touched.any():
            yield from chunk
            continue
        values = np.array([editor.read(row.template) for row in chunk])
        disturb_inputs(disturbances, values, where, norm, chance, inputs.names)
        editor.round_amounts(values)
        for row, is_touched, changed in zip(chunk, touched.tolist(), values, strict=True):
            yield editor.replace(row, changed) if is_touched else row


class _Editor:
    """Reads and replaces the numbers of a row's template."""

    def __init__(self, inputs: Inputs) -> None:
        fields = [inputs.schema.fields[name] for name in inputs.names]
        self._paths = [
            field.find_parts(name) for name, field in zip(inputs.names, fields, strict=True)
        ]
        self._whole = [field.unit == "minor" for field in fields]
        self._decimals = {
            column: 0 if field.unit == "minor" else field.decimals
            for column, field in enumerate(fields)
            if field.type == "amount"
        }

    def read(self, template: bytes) -> list[float]:
        """Return the numbers, NaN for a missing one."""
        members = _parse(template)
        numbers = [get_member(members, path) for path in self._paths]
        return [np.nan if number is None else float(number) for number in numbers]

    def round_amounts(self, values: Floats) -> None:
        """Make amounts [n, names] again what amounts may be, in place."""
        for column, decimals in self._decimals.items():
            values[:, column] = np.maximum(np.round(values[:, column], decimals), 0.0)

    def replace(self, row: Row, values: Floats) -> Row:
        """Return a row with other numbers; NaN is left out."""
        members = _parse(row.template)
        for path, value, whole in zip(self._paths, values.tolist(), self._whole, strict=True):
            *groups, leaf = path
            place = open_object(members, groups)
            if np.isnan(value):
                place.pop(leaf, None)
            else:
                place[leaf] = msgspec.Raw(b"%d" % value if whole else repr(value).encode())
        template = msgspec.json.encode(members)
        for mark, text in _MARKS:
            template = template.replace(text, mark, 1)
        return msgspec.structs.replace(row, template=template)


def _parse(template: bytes) -> dict[str, Any]:
    for mark, text in _MARKS:
        template = template.replace(mark, text, 1)
    members: dict[str, Any] = msgspec.json.decode(template)
    return members


def shift_halfway(rows: int) -> list[Disturbance]:
    """Return the demo's drift: V4, on which the model relies, shifts by 2 sd halfway through.

    The first whole window after the shift detects it (tried).
    """
    return [Disturbance("shift", rows // 2, size=2.0, feature="V4")]
