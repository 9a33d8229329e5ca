"""Histogram buckets that the scorer and the API share, so that their latencies compare."""

LATENCY_BUCKETS_S = tuple(
    ms / 1000 for ms in (1, 2, 3, 5, 7, 10, 15, 20, 25, 35, 50, 75, 100, 250, 1000, 5000, 30000)
)
