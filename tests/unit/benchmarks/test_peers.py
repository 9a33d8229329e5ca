"""The benchmarks against peers: equal outputs, CPU time, and summaries."""

import json
import subprocess
import sys

import psutil
import pytest
from support.data.transactions import make_transaction_bytes
from support.fakes import NOW, FakeModel, make_batch
from support.waiting import wait_for

from benchmarks.harness.results import group_by, summarize
from benchmarks.harness.usage import ProcessTree
from benchmarks.measurements import api
from benchmarks.peers.common import PeerScorer
from streams.scorer.scoring import Scorer


def without_time(value):
    return {name: content for name, content in json.loads(value).items() if name != "scored_at"}


def test_peers_write_what_this_project_writes():
    values = [make_transaction_bytes(i, V1=margin) for i, margin in enumerate((-3.0, 1.0, 5.0))]
    own = Scorer(FakeModel(), lambda: NOW).score(make_batch(*values)).outputs
    peers = PeerScorer(FakeModel()).score(values, [(0, offset) for offset in range(3)])
    predictions = [
        (output.key, without_time(output.value)) for output in own if output.topic == "predictions"
    ]
    alerts = [
        (output.key, without_time(output.value)) for output in own if output.topic == "alerts"
    ]
    assert [(scored.key, without_time(scored.prediction)) for scored in peers] == predictions
    assert [(scored.key, without_time(scored.alert)) for scored in peers if scored.alert] == alerts
    assert len(alerts) == 2


def test_a_process_that_has_exited_keeps_its_cpu_time():
    burn = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True); input()"
    parent = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}]); "
        "print(flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        tree = ProcessTree(psutil.Process(process.pid))
        process.stdout.readline()
        spent = tree.sample()
        assert spent >= 0.3
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.stdout.readline()
        wait_for(lambda: not psutil.Process(process.pid).children(), 10, "the child has exited")
        assert tree.sample() >= spent
        assert tree.peak_total_mib >= tree.peak_mib > 1
        process.kill()


def test_results_are_summarized_by_median_and_range():
    entries = [
        {"system": "b", "rate": 3.0},
        {"system": "a", "rate": 1.0},
        {"system": "b", "rate": 9.0},
        {"system": "b", "rate": 4.0},
    ]
    groups = group_by(entries, lambda entry: entry["system"])
    assert list(groups) == ["b", "a"]
    rates = summarize([entry["rate"] for entry in groups["b"]])
    assert (rates.median, rates.low, rates.high) == (pytest.approx(4), 3, 9)


@pytest.mark.parametrize(
    ("slower", "met"), [({}, True), ({"per_second": 999.0}, False), ({"p99": 20.0}, False)]
)
def test_every_run_of_the_api_must_reach_the_target(slower, met):
    good = {"per_second": 1377.0, "p99": 13.0, "one_core": True}
    sentence = api.describe_target([good, good | slower])
    assert sentence.startswith("Target: 1,000 a second on one core with a p99 under 20 ms")
    assert sentence.endswith(": met." if met else ": not met.")


def test_a_run_on_several_cores_is_reported_as_such():
    assert "without pinning" in api.describe_target([{"per_second": 1377.0, "p99": 13.0}])
