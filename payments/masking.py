"""What people are not shown of a schema's payments: secret fields, and card numbers.

In data, the id, the message key and the model's numbers keep their card numbers, because masking
them would separate an alert from its account, its labels and its reasons. What is shown to people,
in a terminal or in the console (api/static/format.js), masks those of ids too.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from payments.card_numbers import mask_text, may_have_card_number
from payments.schema.reading import Schema

HIDDEN = "hidden"
"""What is shown in place of a secret field's value."""
_NOT_JSON = b"hidden: it is not JSON, so its secret fields cannot be found; --json has the bytes"
_UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)


class Mask:
    """Masks the payments, alerts and labels of a schema."""

    def __init__(self, schema: Schema) -> None:
        roles = schema.roles
        numbers = schema.declaration.features.numbers
        self._hides_key = schema.fields[roles.key].secret
        self._secret_fields = {name for name, field in schema.fields.items() if field.secret}
        self._secret = _Members(schema, self._secret_fields)
        self._kept = _Members(schema, {roles.id, roles.key, *numbers})

    def mask_transaction(self, value: bytes) -> bytes:
        """Return a transaction's JSON without secrets and card numbers.

        A masked number becomes a string. With nothing to mask the value is unchanged. What is not
        JSON is hidden if the schema has secret fields, and else unchanged.
        """
        if not self._secret and not may_have_card_number(value):
            return value
        try:
            document = msgspec.json.decode(value)
            masked = self._mask(document, ())
        except _UNREADABLE:
            return msgspec.json.encode(HIDDEN) if self._secret else value
        return self._choose(value, document, masked)

    def mask_alert_json(self, value: bytes) -> bytes:
        """Return an alert's JSON without secrets and card numbers, as `mask_transaction` does."""
        if not self._secret and not may_have_card_number(value):
            return value
        try:
            alert: dict[str, Any] = msgspec.json.decode(value, type=dict[str, Any])
            masked = alert | {
                "reasons": [self._mask_reason(reason) for reason in alert["reasons"]],
                "transaction": self._mask(alert["transaction"], ()),
                "model_version": mask_text(alert["model_version"]),
            }
        except _UNREADABLE:
            return msgspec.json.encode(HIDDEN) if self._secret else value
        return self._choose(value, alert, masked)

    def mask_alert(self, alert: Any) -> Any:
        """Return a KeptAlertRecord without secrets and card numbers."""
        masked = [
            msgspec.structs.replace(reason, **self._mask_reason(msgspec.structs.asdict(reason)))
            for reason in alert.reasons
        ]
        transaction = msgspec.Raw(self.mask_transaction(bytes(alert.transaction)))
        return msgspec.structs.replace(alert, reasons=masked, transaction=transaction)

    def mask_label(self, label: Any) -> Any:
        """Return a label without the secret ones of its entities."""
        hidden = dict.fromkeys(self._secret_fields & label.entities.keys(), HIDDEN)
        return msgspec.structs.replace(label, entities=label.entities | hidden)

    def hide_key(self, key: bytes | None) -> bytes | None:
        """Return a record's key, hidden if it may be a secret field's value."""
        return HIDDEN.encode() if self._hides_key and key is not None else key

    def hide_secrets(self, value: bytes) -> bytes:
        """Return the value of any record, such as a dead letter, without secret fields."""
        if not self._secret or not value:
            return value
        try:
            return msgspec.json.encode(self._mask(msgspec.json.decode(value), ()))
        except _UNREADABLE:
            return _NOT_JSON

    def _choose(self, value: bytes, document: Any, masked: Any) -> bytes:
        """Return `value` if nothing in it is masked. A repeated name may hold a secret, too."""
        unchanged = masked == document and not self._secret
        return value if unchanged else msgspec.json.encode(masked)

    def _mask_reason(self, reason: dict[str, Any]) -> dict[str, Any]:
        if reason["feature"] in self._secret_fields:
            # the share of a category's value would tell which one it is
            usual = {} if isinstance(reason["usual"], dict) else reason["usual"]
            return reason | {"value": HIDDEN, "usual": usual}
        if isinstance(reason["value"], str):
            return reason | {"value": mask_text(reason["value"])}
        return reason

    def _mask(self, value: Any, path: tuple[str, ...]) -> Any:
        """Return a JSON value, a member at `path`, with everything in it masked."""
        if path in self._secret:
            return HIDDEN
        if path in self._kept:
            return value
        if isinstance(value, dict):
            return {
                mask_text(name): self._mask(member, (*path, name)) for name, member in value.items()
            }
        if isinstance(value, list):
            return [self._mask(item, path) for item in value]
        if isinstance(value, int) and not isinstance(value, bool):
            masked = mask_text(str(value))
            return value if masked == str(value) else masked
        return mask_text(value) if isinstance(value, str) else value


class _Members:
    """Members of JSON objects by the end of their path, also inside an envelope."""

    def __init__(self, schema: Schema, names: Iterable[str]) -> None:
        self._paths: dict[str, list[tuple[str, ...]]] = {}
        for name in names:
            parts = tuple(schema.fields[name].find_parts(name))
            self._paths.setdefault(parts[-1], []).append(parts)

    def __bool__(self) -> bool:
        return bool(self._paths)

    def __contains__(self, path: tuple[str, ...]) -> bool:
        return bool(path) and any(
            path[-len(parts) :] == parts for parts in self._paths.get(path[-1], ())
        )
