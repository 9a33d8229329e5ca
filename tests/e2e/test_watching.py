"""A stream that drifts at a known moment, watched by a real Prometheus: every panel, every rule's metric, and the alert's way out."""

import contextlib
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pandas as pd
import pytest
from confluent_kafka import Producer
from scorers import ROOT, environment, free_port_range, scorer
from support import free_port, needs, read_all, wait_for
from watching import Prometheus, metrics_of, panel_queries, rule_expressions, substituted, watching

from model.artefact import MANIFEST, REFERENCE
from model.contract import INPUTS
from model.manifest import sha256, version_of
from streams import topics

WINDOW = 600
FRAUDS = 2  # among the first transactions: alerts, and so reasons; more of them in one window would be a finding
REFUSED = {b"not json": 30, b"[]": 12}
KINDS = {"malformed_json": 30, "invalid_transaction": 12}
REQUESTS = {"200": 10, "422": 3, "404": 2}  # each of two times
BEYOND = 3  # seconds by which Prometheus' increase() goes past the samples at most: 1.1 of a second at both ends, and a late sample


@dataclass
class Story:
    """What the test did, and when."""

    connection: object
    prometheus: Prometheus
    received: list[dict]
    rows: pd.DataFrame
    targets: dict[str, list[str]]
    began: float = 0.0
    drifted: float = 0.0
    ended: float = 0.0
    sent: int = 0
    alerts_before: list[dict] = field(default_factory=list)

    @property
    def span(self) -> int:
        """Seconds of the whole, in which no event is left out."""
        return math.ceil(self.ended - self.began)

    def send(self, count: int, shift: float = 0.0, frauds_every: int = 0, producer: Producer | None = None) -> None:
        """The next transactions, with their labels; `shift`: of V1..V10, in standard deviations. `frauds_every`: by their labels."""
        producer = producer or Producer(self.connection.writer({"linger.ms": 5}))
        chosen = self.rows.iloc[self.sent : self.sent + count].copy()
        moved = list(INPUTS[:10])
        chosen[moved] += shift * self.rows[moved].std()
        for i, (values, fraud) in enumerate(zip(chosen[list(INPUTS)].to_dict("records"), chosen["Class"], strict=True), self.sent):
            body = {"transaction_id": f"w-{i}", "event_time": "2013-09-01T00:00:00Z", **values}
            producer.produce(self.connection.named(topics.TRANSACTIONS), json.dumps(body), f"w-{i}")
            is_fraud = bool(fraud) or (frauds_every > 0 and i % frauds_every == 0)
            label = {"transaction_id": f"w-{i}", "is_fraud": is_fraud, "labelled_at": "2026-01-01T00:00:00Z", "source": "replay"}
            producer.produce(self.connection.named(topics.LABELS), json.dumps(label), f"w-{i}")
        producer.flush()
        self.sent += count

    def send_in_an_open_transaction(self, count: int) -> None:
        """Nobody who reads committed records sees them before Prometheus shows that they wait."""
        producer = Producer(self.connection.writer({"transactional.id": "story"}))
        producer.init_transactions(10)
        producer.begin_transaction()
        self.send(count, producer=producer)
        wait_for(lambda: (self.prometheus.value("max(fraud_consumer_lag_seconds)") or 0) > 0, 30, "the lag")
        producer.commit_transaction(10)

    def refuse(self) -> None:
        producer = Producer(self.connection.writer({}))
        for value, count in REFUSED.items():
            for i in range(count):
                producer.produce(self.connection.named(topics.TRANSACTIONS), value, str(i))
        producer.flush()


def model_for_the_monitor(model, folder: Path) -> pd.DataFrame:
    """A copy of the model whose reference is in random order: what is drawn from it does not drift. Returns rows to send, frauds first."""
    shutil.copytree(model.directory, folder)
    rows = pd.read_parquet(model.reference).sample(frac=1, random_state=7)
    rows["margin"] = model.margins(rows[list(INPUTS)].to_numpy("float32"))
    rows.iloc[:12_000].to_parquet(folder / REFERENCE)
    content = json.loads((folder / MANIFEST).read_text())
    content["hashes"][REFERENCE] = sha256((folder / REFERENCE).read_bytes())
    (folder / MANIFEST).write_text(json.dumps(content | {"version": version_of(content)}))
    others = rows.iloc[12_000:]
    return pd.concat([others.nlargest(FRAUDS, "margin"), others[others["Class"] == 0]])


@contextlib.contextmanager
def command(connection, log: Path, *arguments: str, **variables: str):
    with log.open("wb") as output:
        line = [sys.executable, "-m", "cli.main", *arguments]
        process = subprocess.Popen(line, env=environment(connection, **variables), cwd=ROOT, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(15)


@pytest.fixture(scope="module")
def story(module_connection, model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("watching")
    rows = model_for_the_monitor(model, folder / "model")
    workers, monitor_port, api_port, received = free_port_range(2), free_port(), free_port(), []
    targets = {
        "scorer": [f"127.0.0.1:{workers + i}" for i in range(2)],
        "monitor": [f"127.0.0.1:{monitor_port}"],
        "api": [f"127.0.0.1:{api_port}"],
    }
    monitor = ["monitor", "--window", str(WINDOW), "--idle-close", "1h", "--label-horizon", "2s", "--model", str(folder / "model")]
    home = {"FRAUD_HOME": str(folder), "FRAUD_MODEL_DIR": str(model.directory)}
    with (
        command(module_connection, folder / "monitor.log", *monitor, FRAUD_MONITOR_PORT=str(monitor_port), **home),
        command(module_connection, folder / "api.log", "serve", FRAUD_API_PORT=str(api_port), **home),
        scorer(module_connection, workers=2, port=workers, wait=False, **home) as scoring,
        watching(folder / "watch", targets, received) as prometheus,
    ):
        told = Story(module_connection, prometheus, received, rows, targets)
        wait_for(scoring.ready, 60, "the scorer is ready")
        wait_for(lambda: prometheus.value("sum(up)") == 5, 60, "Prometheus sees everything")
        told.began = time.time()
        wait_for(lambda: prometheus.value("min(timestamp(fraud_dead_letters_total))") > told.began, 30, "what counters begin with is seen")
        tell(told, scoring, f"http://127.0.0.1:{api_port}")
        told.ended = time.time()
        yield told


def tell(story: Story, scoring, api: str) -> None:
    """The events, in their order; each is waited for where Prometheus shows it."""
    prometheus = story.prometheus
    ask_the_api(api, story.rows.iloc[FRAUDS])
    story.refuse()
    story.send(WINDOW)
    while prometheus.value("data_drift_detected") is None or story.sent < 3 * WINDOW:
        story.send(WINDOW)
        seen(story)
        assert story.sent <= 15 * WINDOW, "no verdict"
    everything = story.sent + sum(KINDS.values())
    wait_for(lambda: prometheus.value("sum(fraud_transactions_total)") == everything, 30, "all counts")  # what a kill would take away
    os.kill(scoring.pids()[1], signal.SIGKILL)
    story.send(WINDOW)  # its partitions wait for their next owner
    wait_for(lambda: prometheus.value("max(fraud_worker_restarts_total)") == 1, 30, "the restart")
    seen(story)
    story.send_in_an_open_transaction(WINDOW)
    seen(story)
    ask_the_api(api, story.rows.iloc[FRAUDS])  # a second time: what was counted before Prometheus first saw a series is no rise
    story.alerts_before = list(story.received)
    story.drifted = time.time()
    for _ in range(5):
        story.send(WINDOW, shift=2.0, frauds_every=20)
        seen(story)
        if prometheus.value("data_drift_detected") == 1:
            break
    wait_for(lambda: prometheus.value("sum(fraud_label_fraud_rises_total)") > 0, 60, "labels tell of more frauds")
    wait_for(lambda: prometheus.value("sum(fraud_label_payments)") == story.sent, 60, "all windows to be judged by their labels")
    told = time.time()
    wait_for(lambda: prometheus.value("min(timestamp(fraud_label_payments))") > told + 1, 30, "a second more, the step of a range")
    wait_for(lambda: drift_alerts(story.received), 30, "the webhook is told of the drift")


def seen(story: Story) -> None:
    """Until Prometheus shows the window of what was sent last."""
    wait_for(lambda: story.prometheus.value("sum(fraud_drift_windows_total)") == story.sent // WINDOW, 60, f"window {story.sent // WINDOW}")


def ask_the_api(api: str, row: pd.Series) -> None:
    wait_for(lambda: answer(f"{api}/health") == 200, 60, "the API answers")
    payment = json.dumps({name: float(row[name]) for name in INPUTS}).encode()
    for status, count in REQUESTS.items():
        path, body = {"200": ("predict", payment), "422": ("predict", b"{}"), "404": ("nothing", None)}[status]
        for _ in range(count):
            assert answer(f"{api}/{path}", body) == int(status)


def answer(url: str, body: bytes | None = None) -> int:
    try:
        return urlopen(Request(url, body, {"Content-Type": "application/json"}), timeout=5).status
    except HTTPError as error:
        return error.code
    except OSError:
        return 0


def drift_alerts(received: list[dict]) -> list[dict]:
    return [alert for alert in received if alert["labels"]["alertname"] == "DriftDetected" and alert["status"] == "firing"]


def numbers(story: Story, expression: str, instant: bool) -> list[float]:
    """What a panel would draw."""
    expression = substituted(expression, story.span)
    if instant:
        values = [series["value"] for series in story.prometheus.now(expression, time=story.ended)]
    else:
        values = [value for series in story.prometheus.over(expression, story.began, story.ended) for value in series["values"]]
    return [float(value) for _, value in values if value != "NaN"]


@pytest.mark.parametrize(("expression", "instant"), [q[1:] for q in panel_queries()], ids=[q[0] for q in panel_queries()])
def test_every_query_of_every_panel_has_data(story, expression, instant):
    assert numbers(story, expression, instant), expression


@pytest.mark.parametrize("metric", sorted(set().union(*map(metrics_of, rule_expressions()))))
def test_every_metric_that_a_rule_names_is_there(story, metric):
    assert story.prometheus.over(metric, story.began, story.ended)


def test_counters_equal_the_topics(story):
    rose = {
        counter: story.prometheus.counted(counter, story.began - 2, story.ended, by)
        for counter, by in (
            ("fraud_transactions_total", "outcome"),
            ("fraud_dead_letters_total", "kind"),
            ("fraud_alert_reasons_total", "feature"),
        )
    }
    predictions = read_all(story.connection, topics.PREDICTIONS, story.sent)
    dead = read_all(story.connection, topics.DEAD_LETTERS, sum(KINDS.values()))
    alerts = [json.loads(message.value()) for message in read_all(story.connection, topics.ALERTS, FRAUDS)]
    decisions = [json.loads(message.value())["decision"] for message in predictions]
    assert len(decisions) == story.sent
    expected = {name: decisions.count(name) for name in ("approve", "review", "block")} | {"rejected": len(dead)}
    assert rose["fraud_transactions_total"] == expected
    assert {kind: count for kind, count in rose["fraud_dead_letters_total"].items() if count} == KINDS
    assert sum(rose["fraud_alert_reasons_total"].values()) == 5 * len(alerts)


def panel_value(story: Story, name: str) -> float:
    """Of a panel that shows one figure at the end of the range."""
    expression, instant = next(query[1:] for query in panel_queries() if query[0] == name)
    return numbers(story, expression, instant)[-1]


def test_figures_equal_what_was_done(story):
    done = {"Stream / Dead letters": sum(KINDS.values()), "Stream / Restarts": 1, "Drift / Windows": story.sent // WINDOW}
    for name, count in done.items():
        beyond = panel_value(story, f"{name} / A") / count
        assert 0.999 < beyond < 1.001 * story.span / (story.span - BEYOND), name
    assert panel_value(story, "Host and API / Requests in total / A") == 2 * sum(REQUESTS.values())
    answered = story.prometheus.now('sum by (status) (http_requests_total{handler!~"/metrics|/health"})', time=story.ended)
    assert {series["metric"]["status"]: int(series["value"][1]) / 2 for series in answered} == REQUESTS


def test_gauges_move_when_the_stream_does(story):
    def course(metric, start=story.began, end=story.ended):
        return story.prometheus.course(metric, start, end)

    assert course("sum(fraud_workers)") == {1, 2}
    assert course("data_drift_detected", story.began, story.drifted) == {0}
    assert course("data_drift_detected") == {0, 1}
    assert max(course("data_drift_score")) > max(course("data_drift_score", end=story.drifted))
    assert max(course('fraud_drift_distance{feature="V1"}')) > 1 > max(course('fraud_drift_distance{feature="V1"}', end=story.drifted))
    assert len(course("fraud_drift_window_end_timestamp_seconds")) > 1
    for lag in ("max(fraud_consumer_lag)", "max(fraud_consumer_lag_seconds)"):
        assert min(course(lag)) == 0 < max(course(lag)), lag
    assert course("sum(fraud_label_fraud_rises_total)", story.began, story.drifted) == {0}
    assert max(course('sum(fraud_label_payments{truth="fraud"})')) > FRAUDS
    assert max(course('fraud_drift_reference_distance{feature="V1"}')) > 1
    assert max(course("max(fraud_drift_severity)")) > 0 == min(course("max(fraud_drift_severity)"))
    assert max(course("sum(fraud_drift_drifted_windows_total)")) > 0


def test_what_labels_say_is_what_was_labelled(story):
    """Every payment is labelled, and every window judged: counted anew from the topics."""
    predictions = [json.loads(message.value()) for message in read_all(story.connection, topics.PREDICTIONS, story.sent)]
    labels = [json.loads(message.value()) for message in read_all(story.connection, topics.LABELS, story.sent)]
    frauds = {label["transaction_id"] for label in labels if label["is_fraud"]}
    alerts = {found["transaction_id"] for found in predictions if found["decision"] != "approve"}
    shown = {name: last(story, f"max({name})") for name in ("fraud_label_precision", "fraud_label_recall", "fraud_labelled_share")}
    assert shown == {
        "fraud_label_precision": len(alerts & frauds) / len(alerts),
        "fraud_label_recall": len(alerts & frauds) / len(frauds),
        "fraud_labelled_share": 1,
    }
    assert last(story, 'sum(fraud_label_payments{truth="fraud"})') == len(frauds)


def last(story: Story, expression: str) -> float:
    """Its value when the story ended."""
    return numbers(story, expression, instant=True)[-1]


@pytest.mark.parametrize("job", ["scorer", "monitor", "api"])
def test_promtool_accepts_every_endpoint(story, job):
    for address in story.targets[job]:
        page = urlopen(f"http://{address}/metrics", timeout=5).read()
        checked = subprocess.run([needs("promtool"), "check", "metrics"], input=page, capture_output=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_drift_alert_fires_after_the_moment_and_not_before(story):
    assert not drift_alerts(story.alerts_before)
    alert = drift_alerts(story.received)[0]
    assert pd.Timestamp(alert["startsAt"]).timestamp() >= story.drifted
    assert alert["annotations"]["runbook_url"] == "docs/runbooks/drift-detected.md"
