"""Names what a producer made of a transaction, for a record that is not one."""

import json

import msgspec

_MAGIC_BYTE = 0
_HEADER_BYTES = 5  # the magic byte and a schema id, big-endian
_MAX_SCHEMA_ID = 10_000_000  # registries count up from 1 or 100,001
_ABSENT = msgspec.Raw()


class _Members(msgspec.Struct):
    """The members that tell one envelope from another."""

    schema: msgspec.Raw = _ABSENT
    payload: msgspec.Raw = _ABSENT
    op: msgspec.Raw = _ABSENT
    after: msgspec.Raw = _ABSENT
    specversion: msgspec.Raw = _ABSENT
    data: msgspec.Raw = _ABSENT


# the first bytes -> what the value is, and what to do; a longer beginning comes first
_BEGINNINGS = {
    b"\xef\xbb\xbf": "the value starts with a byte order mark: send UTF-8 without one",
    b"\xff\xfe\0\0": "the value is UTF-32: send UTF-8",
    b"\0\0\xfe\xff": "the value is UTF-32: send UTF-8",
    b"\xff\xfe": "the value is UTF-16: send UTF-8",
    b"\xfe\xff": "the value is UTF-16: send UTF-8",
    b"{\0": "the value is UTF-16: send UTF-8",
    b"\0{": "the value is UTF-16: send UTF-8",
    b"\x1f\x8b": "the value is compressed with gzip: send plain JSON",
    b"\x28\xb5\x2f\xfd": "the value is compressed with zstd: send plain JSON",
}

_decode = msgspec.json.Decoder(_Members).decode


def describe_envelope(value: bytes) -> str | None:
    """Return what the value is wrapped in and how to send it bare, None if nothing known."""
    schema_id = int.from_bytes(value[1:_HEADER_BYTES], "big")
    if len(value) > _HEADER_BYTES and value[0] == _MAGIC_BYTE and 0 < schema_id <= _MAX_SCHEMA_ID:
        return (
            "the value seems to start with a Schema Registry header (magic byte 0, schema id "
            f"{schema_id}): send plain JSON, without a Schema Registry serializer"
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


def describe_malformed(value: bytes) -> str | None:
    """Return why a value is not JSON and what to do, None if the decoder's error says it best."""
    if not value.strip():
        return "the value is empty"
    for beginning, meaning in _BEGINNINGS.items():
        if value.startswith(beginning):
            return meaning
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return None
    # the one thing that Python's decoder accepts and msgspec calls truncated
    return "a text has half of a surrogate pair (an escape from \\ud800 to \\udfff)"
