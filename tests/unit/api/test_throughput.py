"""The console's figures: derived from the workers' metrics, absent if no worker answers."""

import socket
import threading

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from support.fakes import FakeModel

from api.throughput import LATENCY, TRANSACTIONS, Throughput, estimate_quantile_ms
from api.worker_metrics import parse, read
from streams.scorer.metrics import ScorerMetrics


def page(approve=0, review=0, latency=()):
    outcomes = {"approve": approve, "review": review, "block": 0, "rejected": 0}
    counts = {(TRANSACTIONS, outcome): count for outcome, count in outcomes.items()}
    return counts | {(LATENCY, bound): count for bound, count in latency}


def last(throughput):
    return throughput.list_points()[-1]


def test_a_rate_counts_from_the_first_sight_of_each_worker():
    throughput = Throughput()
    throughput.observe(0, {"a": page(1_000), "b": page(5_000)})
    assert last(throughput).rate is None
    throughput.observe(2, {"a": page(1_150, 50), "b": page(5_000)})
    point = last(throughput)
    assert (point.rate, point.alert_rate, point.workers) == (100, 0.25, 2)


def test_a_rate_ignores_what_is_older_than_its_window():
    throughput = Throughput()
    for at in range(20):
        throughput.observe(at, {"a": page(min(at, 10) * 100)})
    assert last(throughput).rate == 0
    assert throughput.list_points()[12].rate == 60  # 3 of its 5 seconds had 100


def test_a_restarted_worker_counts_from_0():
    throughput = Throughput()
    throughput.observe(0, {"a": page(1_000)})
    throughput.observe(1, {"a": page(40)})
    assert last(throughput).rate == 40


def test_without_a_page_a_figure_is_absent_and_its_window_restarts():
    throughput = Throughput()
    throughput.observe(0, {"a": page(0)})
    throughput.observe(1, {})
    point = last(throughput)
    assert (point.workers, point.rate, point.p99_ms) == (0, None, None)
    throughput.observe(2, {"a": page(500)})
    assert last(throughput).rate is None


def test_an_idle_scorer_has_a_rate_of_0_and_no_latency():
    throughput = Throughput()
    for at in range(2):
        throughput.observe(at, {"a": page(7, latency=[("0.1", 7), ("+Inf", 7)])})
    point = last(throughput)
    assert (point.rate, point.alert_rate, point.p50_ms) == (0, None, None)


def test_a_client_of_a_previous_process_gets_everything():
    throughput = Throughput()
    for at in range(3):
        throughput.observe(at, {})
    assert [point.number for point in throughput.list_points(1)] == [2, 3]
    assert [point.number for point in throughput.list_points(3)] == []
    assert [point.number for point in throughput.list_points(99)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("share", "buckets", "expected"),
    [
        (0.5, [(0.01, 10), (0.02, 20), (float("inf"), 20)], 10),
        (0.75, [(0.01, 10), (0.02, 20), (float("inf"), 20)], 15),
        (0.99, [(0.01, 0), (0.02, 50), (float("inf"), 100)], 20),
        (0.5, [(0.01, 0), (float("inf"), 0)], None),
        (0.5, [], None),
    ],
)
def test_a_quantile_is_linear_inside_its_bucket(share, buckets, expected):
    assert estimate_quantile_ms(share, buckets) == expected


def test_parse_reads_the_page_of_a_worker():
    registry = CollectorRegistry()
    metrics = ScorerMetrics(registry, "transactions", FakeModel("v1"), 0)
    metrics.transactions.labels("review").inc(3)
    metrics.end_to_end.observe(np.array([0.004, 0.004, 60.0]))
    counts = parse(generate_latest(registry).decode())
    assert counts[TRANSACTIONS, "review"] == 3
    assert (counts[LATENCY, "0.003"], counts[LATENCY, "0.005"], counts[LATENCY, "+Inf"]) == (
        0,
        2,
        3,
    )


def test_parse_finds_no_counts_on_another_page():
    assert parse("# HELP up Whether it is up\nup 1\n") == {}


def test_a_port_that_does_not_speak_http_is_no_worker():
    def answer(listener):
        connection, _ = listener.accept()
        with connection:
            connection.recv(1024)
            connection.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        assert read("127.0.0.1", listener.getsockname()[1]) == {}
        thread.join()
