"""The metric of records that cannot be decoded, shared by the monitor and the API."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter


def count_skipped_records(registry: CollectorRegistry, topics: Iterable[str]) -> Counter:
    """Declare the counter, with a series for each of `topics`, named without the prefix."""
    counter = Counter(
        "fraud_skipped_records_total",
        "Records read by this process that cannot be decoded and were skipped",
        ["topic"],
        registry=registry,
    )
    for topic in topics:  # a series that began with its first record would hide it from increase()
        counter.labels(topic)
    return counter
