"""What labels say about payments, and which of several labels counts."""

from typing import Any

import msgspec

from payments.members import get_member
from payments.records import decode_label
from payments.rfc3339 import count_microseconds
from payments.schema.reading import Schema

DATE_BITS = 58
"""Of the microseconds from 1970 to the year 9999. `LabelRules.weigh` adds 3 bits."""


class LabelRules:
    """Decodes and compares the labels of payments of a schema."""

    def __init__(self, schema: Schema) -> None:
        labels = schema.declaration.labels
        self._key = schema.roles.key
        self._weights = {
            source: weight
            for weight, sources in enumerate(reversed(labels.rank))
            for source in sources
        }
        self._no_fraud = set(labels.no_fraud)

    def decode(self, value: bytes) -> Any:
        """Return a label with KeptLabel's fields, as it counts.

        `is_fraud` is false if the reason is in `no_fraud`, and the account of a label of version 1
        becomes the key among its entities. Raises as `decode_label` does.
        """
        label = decode_label(value)
        label.is_fraud = label.is_fraud and label.reason not in self._no_fraud
        if label.entities is None:
            label.entities = {} if label.account_id is None else {self._key: label.account_id}
            label.account_id = None
        return label

    def weigh(self, label: Any, arrived_ms: int) -> int:
        """Return the weight of a label, below 2**61: the heaviest about a payment counts.

        Of two with the same weight the later one counts. The rank of the source decides first, then
        `labelled_at`, no later than the arrival: else no label could correct one that is dated in
        the future.
        """
        date = min(max(count_microseconds(label.labelled_at), 0), arrived_ms * 1000)
        return self._weights[label.source] << DATE_BITS | date

    def get_key(self, label: Any) -> str | None:
        """Return the message key of the payments that a decoded label is about; None: of any."""
        key: str | None = label.entities.get(self._key)
        return key


def read_entities(transaction: bytes, schema: Schema) -> dict[str, str]:
    """Return the values of the entity fields that a transaction has, secret ones too."""
    try:
        document = msgspec.json.decode(transaction)
    except msgspec.DecodeError:
        return {}
    values = {
        name: get_member(document, field.find_parts(name))
        for name, field in schema.fields.items()
        if field.type == "entity"
    }
    return {name: value for name, value in values.items() if isinstance(value, str)}


def is_about(by_analyst: bool, arrived_ms: int, made_ms: float, scored_ms: int) -> bool:
    """Return whether a label with a payment's id and key can be about it.

    Ids may be used again, so an analyst's label is about payments scored before it arrived, and any
    other about payments made before that: it may come before the score if the scorer is behind. All
    times are in ms since 1970.
    """
    return arrived_ms >= (scored_ms if by_analyst else min(made_ms, scored_ms))
