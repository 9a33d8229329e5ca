"""Names what a producer wrapped a transaction in, for a record that is not a transaction."""

import msgspec

_MAGIC_BYTE = 0
_HEADER_BYTES = 5  # the magic byte and a schema id, big-endian
_ABSENT = msgspec.Raw()


class _Members(msgspec.Struct):
    """The members that tell one envelope from another."""

    schema: msgspec.Raw = _ABSENT
    payload: msgspec.Raw = _ABSENT
    op: msgspec.Raw = _ABSENT
    after: msgspec.Raw = _ABSENT
    specversion: msgspec.Raw = _ABSENT
    data: msgspec.Raw = _ABSENT


_decode = msgspec.json.Decoder(_Members).decode


def describe_envelope(value: bytes) -> str | None:
    """Return what the value is wrapped in and how to send it bare, None if nothing known."""
    if len(value) > _HEADER_BYTES and value[0] == _MAGIC_BYTE:
        schema_id = int.from_bytes(value[1:_HEADER_BYTES], "big")
        return (
            f"the value starts with a Schema Registry header (magic byte 0, schema id {schema_id}):"
            " send plain JSON, without a Schema Registry serializer"
        )
    try:
        members = _decode(value)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    if _ABSENT not in (members.schema, members.payload):
        return (
            "the transaction is in the payload of a Kafka Connect envelope: "
            "set value.converter.schemas.enable=false"
        )
    if _ABSENT not in (members.op, members.after):
        return (
            "the transaction is in a Debezium change event: "
            "unwrap it with the ExtractNewRecordState transformation"
        )
    if _ABSENT not in (members.specversion, members.data):
        return "the transaction is in the data of a CloudEvent: use the binary content mode"
    return None
