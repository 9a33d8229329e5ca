"""Histogram buckets of the scorer and the API, shared so that their latencies are comparable."""

LATENCY_BUCKETS_S = tuple(
    ms / 1000 for ms in (1, 2, 3, 5, 7, 10, 15, 20, 25, 35, 50, 75, 100, 250, 1000, 5000, 30000)
)
