"""Which outputs are compared with which records."""

import numpy as np

from streams.kafka.cluster import Committed
from streams.kafka.topic_ids import TopicEpoch
from streams.ledger.epochs import Epochs

OUTPUTS = "predictions"
NEVER = 10**12


def contain(epochs, *outputs):
    """Each output: its partition and offset, and those of its record."""
    return epochs.contain(OUTPUTS, *np.array(outputs, np.int64).T).tolist()


def test_outputs_before_the_epoch_are_those_of_an_earlier_topic():
    epoch = TopicEpoch("id", outputs={OUTPUTS: [5, 9]})
    epochs = Epochs({0: Committed(3, epoch)}, {OUTPUTS: 3})
    assert contain(epochs, (0, 4, 0, 7), (0, 5, 0, 0), (1, 8, 0, 7), (1, 9, 0, NEVER)) == [
        False,
        True,
        False,
        True,
    ]
    assert contain(epochs, (2, 0, 0, 7)) == [True]  # a partition that was added later


def test_without_an_epoch_only_what_was_committed_has_outputs():
    epochs = Epochs({1: Committed(3, None)}, {OUTPUTS: 1})
    assert contain(epochs, (0, 0, 1, 2), (0, 0, 1, 3)) == [True, False]
    # partitions without an offset, and an output without a readable origin
    assert contain(epochs, (0, 0, 0, 0), (0, 0, 7, 0), (0, 0, -1, -1)) == [False, False, True]


def test_records_before_the_epoch_are_not_compared():
    committed = {
        0: Committed(9, TopicEpoch("id", first=4)),
        1: Committed(9, TopicEpoch("id", first=4)),
        2: Committed(9, None),
    }
    epochs = Epochs(committed, {OUTPUTS: 1})
    assert epochs.limit({0: 0, 1: 6, 2: 0, 3: 0}) == {0: 4}
