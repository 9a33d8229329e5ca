"""What the state reads of payments, from their fields' values."""

from collections.abc import Mapping, Sequence

import numpy as np

from payments.arrays import Floats, Hashes, Ints
from payments.schema.reading import Schema
from payments.state.columns import Columns
from payments.state.hashing import hash_secrets, hash_texts

_MOST_MINOR_UNITS = 2**46  # the sum of 131,072 of these fits an int64


class HistoryInputs:
    """Makes the columns of a schema's payments, the same from a file as from the stream.

    `fields` are those whose values it needs. `key` hides the values of secret fields; without it,
    they are hashed as the others, which is for states that are never stored.
    """

    def __init__(self, schema: Schema, key: bytes | None = None) -> None:
        self.fields = schema.history_fields
        self._key = key
        self._secret = {name for name in self.fields if schema.fields[name].secret}
        self._scale = 10.0 ** schema.fields[schema.roles.amount].decimals

    def make_columns(
        self, times_ms: Ints, amounts: Floats, values: Mapping[str, Sequence[str | None]]
    ) -> Columns:
        """Return the columns of n payments.

        `times_ms`: int64[n]. `amounts`: float64[n] in major units, which become the nearest minor
        units. `values`: n of each field, None or an empty text for a missing one.
        """
        minor = np.rint(np.clip(amounts * self._scale, -_MOST_MINOR_UNITS, _MOST_MINOR_UNITS))
        hashes = {name: self._hash(name, values[name]) for name in self.fields}
        return Columns(times_ms, minor.astype(np.int64), hashes)

    def _hash(self, name: str, values: Sequence[str | None]) -> Hashes:
        texts = [value or None for value in values]
        if name in self._secret and self._key is not None:
            return hash_secrets(texts, self._key)
        return hash_texts(texts)
