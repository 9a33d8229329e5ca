"""The messages made from the largest allowed transaction fit their topics."""

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.data.transactions import make_transaction
from support.fakes import NOW, FakeModel, FakeRecord

from payments.contract import INPUTS, Thresholds
from streams.kafka import topics
from streams.scorer.batch import Batch
from streams.scorer.scoring import Scorer

LONGEST = -1.2345678901234567e-300  # 24 characters; a number has no more
# Kafka's record format, version 2: the batch header, then for its one record the attributes, and
# lengths and deltas of at most 5 bytes
BATCH_BYTES = 61
LENGTH_BYTES = 5


class Wordy(FakeModel):
    """Makes alerts of the largest possible size."""

    def explain(self, rows):
        _, contributions = super().explain(rows)
        return LONGEST, contributions + LONGEST


WORDY = Wordy(
    "v" * 64,
    Thresholds(review=0.12345678901234567, block=0.98765432109876543),
    dict.fromkeys(INPUTS, (LONGEST, LONGEST)),
)


def largest(**changes):
    """A transaction of exactly MAX_SCORED_BYTES.

    Control characters are escaped, as six bytes each, others stand as they are.
    """
    values = dict.fromkeys(INPUTS, LONGEST) | {
        "V1": 0.12345678901234567,
        "Amount": 1.2345678901234567e38,
    }
    content = make_transaction(
        1, event_time="2013-09-01T02:00:00.123456+02:30", **values, **changes
    )
    return json.dumps(content, ensure_ascii=False).encode().ljust(topics.MAX_SCORED_BYTES)


def on_the_wire(output):
    """Bytes of the batch of this one record, at most."""
    assert output.headers is None
    return BATCH_BYTES + 1 + 6 * LENGTH_BYTES + len(output.key) + len(output.value)


@settings(max_examples=20)
@example("\x01" * 128, "\N{MUSICAL SYMBOL G CLEF}" * 128)
@given(*[st.text(min_size=1, max_size=128)] * 2)
def test_no_output_of_the_largest_transaction_exceeds_its_topics_limit(transaction_id, account_id):
    value = largest(transaction_id=transaction_id, account_id=account_id)
    record = FakeRecord(value, offset=2**63 - 1, partition=99_999)
    scored = Scorer(WORDY, lambda: NOW.replace(microsecond=123_456), topics.MAX_SCORED_BYTES).score(
        Batch(0, 0, [record])
    )
    assert [output.topic for output in scored.outputs] == [topics.PREDICTIONS, topics.ALERTS]
    limits = {topic.name: topic.max_record_bytes for topic in topics.TOPICS}
    for output in scored.outputs:
        assert on_the_wire(output) <= limits[output.topic]
