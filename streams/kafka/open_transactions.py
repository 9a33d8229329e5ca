"""Finds records behind a transaction that somebody left open: nobody can read them.

A partition's committed records end at its last stable offset, before the first open transaction.
"""

from time import monotonic, sleep

from streams.kafka.cluster import Cluster, Offsets
from streams.kafka.committer import TRANSACTION_TIMEOUT_MS

# One of this system ends by then, even if its process was killed.
OWN_TRANSACTION_S = TRANSACTION_TIMEOUT_MS / 1000
_POLL_S = 0.2


def find_hidden(cluster: Cluster, topic: str, wait_s: float = OWN_TRANSACTION_S) -> Offsets:
    """Return how many offsets are behind an open transaction, by partition, without zeros.

    Waits up to `wait_s` seconds for the transactions that are open now. Raises TopicMissingError,
    KafkaException.
    """
    end = cluster.find_high_watermarks(topic)
    deadline = monotonic() + wait_s
    while True:
        # after the log's end: what is appended between the two calls is not hidden
        stable = cluster.find_end(topic, list(end))
        hidden = {
            partition: offset - stable[partition]
            for partition, offset in end.items()
            if offset > stable[partition]
        }
        if not hidden or monotonic() > deadline:
            return hidden
        sleep(_POLL_S)
