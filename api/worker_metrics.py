"""Reads the metrics pages of the scorer's workers.

The console's figures come from there because the counts are exact and the same as Prometheus
reads. Offsets of `predictions` would not do: each committed transaction takes one as well.
"""

import re
import socket
import threading
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException

from prometheus_client.parser import text_string_to_metric_families

from api.throughput import LATENCY, TRANSACTIONS, Counts, Throughput

MAX_WORKERS = 8  # on one host; the default number of partitions
_INTERVAL_S = 1.0
_TIMEOUT_S = 0.5
_WANTED = re.compile(rf"^(?:{TRANSACTIONS}|{LATENCY})\{{.*$", re.MULTILINE)


def parse(page: str) -> Counts:
    """Return the counts on one worker's page. Raises ValueError for an invalid page."""
    families = text_string_to_metric_families("\n".join(_WANTED.findall(page)) + "\n")
    return {
        (sample.name, next(iter(sample.labels.values()))): sample.value
        for family in families
        for sample in family.samples
    }


def read(host: str, first_port: int) -> dict[str, Counts]:
    """Return the counts of the pages that answer, by address.

    Worker i is on port `first_port` + i of each address that `host` resolves to.
    """
    counts_by_address = {}
    for address in _resolve(host):
        for port in range(first_port, min(first_port + MAX_WORKERS, 2**16)):
            try:
                with urllib.request.urlopen(
                    f"http://{address}:{port}/metrics", timeout=_TIMEOUT_S
                ) as answer:
                    counts = parse(answer.read().decode())
            except (OSError, ValueError, HTTPException):  # no server, or not a worker
                continue
            if counts:
                counts_by_address[f"{address}:{port}"] = counts
    return counts_by_address


def _resolve(host: str) -> list[str]:
    try:
        return sorted({str(info[4][0]) for info in socket.getaddrinfo(host, None, socket.AF_INET)})
    except OSError:
        return []


def watch(
    throughput: Throughput,
    pages: Callable[[], Mapping[str, Counts]],
    clock: Callable[[], float],
    stop: threading.Event,
) -> None:
    """Observe the pages once a second until `stop` is set."""
    while not stop.wait(_INTERVAL_S):
        throughput.observe(clock(), pages())
