"""Records that cannot be decoded are logged without their values, and not one line each."""

import logging

import msgspec
import pytest
from support.fakes import FakeRecord

from payments.records import UNREADABLE, decode_label, describe_error
from streams.skipped_records import SkippedRecordLog

LABEL = {
    "transaction_id": "t-1",
    "is_fraud": True,
    "labelled_at": "2025-06-15T13:00:00Z",
    "source": "analyst",
}
CARD = "4111111111111111"


@pytest.mark.parametrize(
    "value",
    [
        msgspec.json.encode(LABEL | change)
        for change in (
            {"source": CARD},
            {"source": f"{CARD}' - at `$.{CARD}"},
            {"source": CARD * 20_000},
            {"source": f"\n{CARD}"},
            {"labelled_at": CARD},
            {"is_fraud": CARD},
            {"transaction_id": CARD * 20},
        )
    ]
    + [CARD.encode(), b'"' + CARD.encode(), b"{" + CARD.encode(), CARD.encode() + b"\xff"],
)
def test_no_description_quotes_a_record(value):
    with pytest.raises(UNREADABLE) as caught:
        decode_label(value)
    assert CARD not in describe_error(caught.value)
    assert 5 < len(describe_error(caught.value)) <= 200


@pytest.mark.parametrize("text", ["2025-06-15T13:00:00+0200", "2016-12-30T23:59:60Z"])
def test_a_labels_time_is_rfc_3339(text):
    with pytest.raises(ValueError, match="not RFC 3339"):
        decode_label(msgspec.json.encode(LABEL | {"labelled_at": text}))


def test_a_flood_of_bad_records_gives_a_line_a_minute(caplog):
    now = 1000.0
    skips = SkippedRecordLog(logging.getLogger("test"), lambda: now)
    for offset in range(20_000):
        skips.add(FakeRecord(b"", offset), ValueError("bad"))
    now += 59
    skips.add(FakeRecord(b"", 20_000), ValueError("bad"))
    now += 1
    skips.add(FakeRecord(b"", 20_001), ValueError("bad"))
    assert [record.getMessage() for record in caplog.records] == [
        "skipped 1 record of transactions (1 since the start), "
        "the last at partition 0 offset 0: bad",
        "skipped 20001 records of transactions (20002 since the start), "
        "the last at partition 0 offset 20001: bad",
    ]
