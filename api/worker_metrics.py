"""Reads the metrics pages of the scorer's workers.

They are the source of the console's figures because they count exactly, and Prometheus reads them too. Offsets of `predictions` would
not do: on a topic that is written in transactions each commit takes one as well.
"""

import re
import socket
import threading
import urllib.request
from collections.abc import Callable, Mapping

from prometheus_client.parser import text_string_to_metric_families

from api.throughput import LATENCY, TRANSACTIONS, Counts, Throughput

MAX_WORKERS = 8  # of one host; as many as there are partitions by default
_INTERVAL_S = 1.0
_TIMEOUT_S = 0.5
_WANTED = re.compile(rf"^(?:{TRANSACTIONS}|{LATENCY})\{{.*$", re.MULTILINE)


def parse(page: str) -> Counts:
    """The counts on one worker's page. Raises ValueError for a page that is none."""
    families = text_string_to_metric_families("\n".join(_WANTED.findall(page)) + "\n")
    return {
        (sample.name, next(iter(sample.labels.values()))): sample.value
        for family in families
        for sample in family.samples
    }


def read(host: str, first_port: int) -> dict[str, Counts]:
    """The counts of the pages that answer, by address: worker i is on port `first_port` + i of every address that `host` has."""
    found = {}
    for address in _addresses(host):
        for port in range(first_port, min(first_port + MAX_WORKERS, 2**16)):
            try:
                with urllib.request.urlopen(
                    f"http://{address}:{port}/metrics", timeout=_TIMEOUT_S
                ) as answer:
                    counts = parse(answer.read().decode())
            except (OSError, ValueError):  # nobody is there, or something else
                continue
            if counts:
                found[f"{address}:{port}"] = counts
    return found


def _addresses(host: str) -> list[str]:
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
    """Observes the pages once a second until it is stopped."""
    while not stop.wait(_INTERVAL_S):
        throughput.observe(clock(), pages())
