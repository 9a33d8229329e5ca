"""A stream that drifts at a known moment, monitored by a real Prometheus.

Every panel has data, every metric of a rule exists, and the drift alert is delivered.
"""

import contextlib
import json
import math
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pandas as pd
import pytest
from confluent_kafka import Producer
from support.commands import FRAUD, make_environment, run
from support.paths import ROOT
from support.ports import find_free_port
from support.programs import require_program
from support.scorer_process import run_scorer
from support.topic_reader import read_all, read_json
from support.waiting import wait_for
from support.watch import (
    Prometheus,
    find_metric_names,
    read_panel_queries,
    read_rule_expressions,
    run_watch,
)

from docs.dashboards import TimeRange, draw_board, read_boards, substitute_variables
from drift.detect.severity import LEVELS
from drift.events import decode_windows
from drift.reports.schedule import EVERY
from model.artefact import MANIFEST, REFERENCE
from model.manifest import derive_version, hash_content
from payments.contract import INPUTS
from streams.dlq.dead_letters import Choice
from streams.dlq.redrive import redrive
from streams.kafka import topics

WINDOW = 600
# the first transactions, so that there are alerts with reasons; more in a window would be drift
FRAUDS = 2
REFUSED = {b"not json": 30, b"[]": 12}
KINDS = {
    "malformed_json": 60,
    "invalid_transaction": 24,
}  # twice, because the redrive is refused again
REQUESTS = {"200": 10, "422": 3, "404": 2}  # sent twice
RATE_S = 10  # the $__rate_interval of the queries
# the most seconds by which increase() extrapolates: 1.1 at both ends, and a late sample
BEYOND = 3


@dataclass
class Story:
    """The events of the test, and their times."""

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
    def span(self):
        """Return the duration in whole seconds, rounded up to include every event."""
        return math.ceil(self.ended - self.began)

    def send(
        self,
        count,
        shift=0.0,
        frauds_every=0,
        producer=None,
    ):
        """Send the next transactions with their labels.

        `shift` moves V1..V10, in standard deviations; every `frauds_every`th label says fraud.
        """
        producer = producer or Producer(self.connection.make_writer_config({"linger.ms": 5}))
        chosen = self.rows.iloc[self.sent : self.sent + count].copy()
        moved = list(INPUTS[:10])
        chosen[moved] += shift * self.rows[moved].std()
        for i, (values, fraud) in enumerate(
            zip(chosen[list(INPUTS)].to_dict("records"), chosen["Class"], strict=True), self.sent
        ):
            body = {"transaction_id": f"w-{i}", "event_time": "2013-09-01T00:00:00Z", **values}
            producer.produce(
                self.connection.qualify(topics.TRANSACTIONS), json.dumps(body), f"w-{i}"
            )
            is_fraud = bool(fraud) or (frauds_every > 0 and i % frauds_every == 0)
            label = {
                "transaction_id": f"w-{i}",
                "is_fraud": is_fraud,
                "labelled_at": "2026-01-01T00:00:00Z",
                "source": "replay",
            }
            producer.produce(self.connection.qualify(topics.LABELS), json.dumps(label), f"w-{i}")
        producer.flush()
        self.sent += count

    def send_in_an_open_transaction(self, count):
        """Send transactions and commit them only when Prometheus shows their lag."""
        producer = Producer(self.connection.make_writer_config({"transactional.id": "story"}))
        producer.init_transactions(10)
        producer.begin_transaction()
        self.send(count, producer=producer)
        wait_for(
            lambda: (self.prometheus.query_value("max(fraud_consumer_lag_seconds)") or 0) > 0,
            30,
            "the lag",
        )
        producer.commit_transaction(10)

    def refuse(self):
        producer = Producer(self.connection.make_writer_config({}))
        for value, count in REFUSED.items():
            for i in range(count):
                producer.produce(self.connection.qualify(topics.TRANSACTIONS), value, str(i))
        producer.flush()

    def redrive(self):
        """Send the dead letters back, in a transaction whose markers then end their partitions."""
        result = redrive(self.connection, Choice(), dry_run=False, progress=lambda *_: None)
        assert result.sent == sum(REFUSED.values())
        again = sum(KINDS.values())
        self.prometheus.wait_for_value(
            "sum(fraud_dead_letters_total)", again, "they are refused again"
        )
        refused_at = time.time()
        wait_for(
            lambda: (
                self.prometheus.query_value("min(timestamp(fraud_consumer_lag))") > refused_at + 2
            ),
            30,
            "a newer lag",
        )
        self.prometheus.wait_for_value("max(fraud_consumer_lag)", 0, "no lag")


def copy_model_for_monitor(model, folder):
    """Copy the model with its reference in random order, so that rows drawn from it do not drift.

    Returns rows to send, frauds first.
    """
    shutil.copytree(model.directory, folder)
    rows = pd.read_parquet(model.reference).sample(frac=1, random_state=7)
    rows["margin"] = model.compute_margins(rows[list(INPUTS)].to_numpy("float32"))
    rows.iloc[:12_000].to_parquet(folder / REFERENCE)
    content = json.loads((folder / MANIFEST).read_text())
    content["hashes"][REFERENCE] = hash_content((folder / REFERENCE).read_bytes())
    (folder / MANIFEST).write_text(json.dumps(content | {"version": derive_version(content)}))
    others = rows.iloc[12_000:]
    return pd.concat([others.nlargest(FRAUDS, "margin"), others[others["Class"] == 0]])


@contextlib.contextmanager
def run_command(connection, log, *arguments, **variables):
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*FRAUD, *arguments],
            env=make_environment(connection, **variables),
            cwd=ROOT,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(15)


@pytest.fixture(scope="module")
def story(module_connection, model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("watching")
    rows = copy_model_for_monitor(model, folder / "model")
    workers = find_free_port(following=1)
    monitor_port = find_free_port()
    api_port = find_free_port()
    received = []
    targets = {
        "scorer": [f"127.0.0.1:{workers + i}" for i in range(2)],
        "monitor": [f"127.0.0.1:{monitor_port}"],
        "api": [f"127.0.0.1:{api_port}"],
    }
    # labels are as old as their transactions, which may stay in an open transaction for longer than
    # a shorter horizon
    options = f"--window {WINDOW} --idle-close 1h --label-horizon 10s".split()
    monitor = ["monitor", *options, "--model", str(folder / "model")]
    home = {"FRAUD_HOME": str(folder), "FRAUD_MODEL_DIR": str(model.directory)}
    with (
        run_command(
            module_connection,
            folder / "monitor.log",
            *monitor,
            FRAUD_MONITOR_PORT=str(monitor_port),
            **home,
        ),
        run_command(
            module_connection, folder / "api.log", "serve", FRAUD_API_PORT=str(api_port), **home
        ),
        run_scorer(module_connection, workers=2, port=workers, wait=False, **home) as scoring,
        run_watch(folder / "watch", targets, received) as prometheus,
    ):
        events = Story(module_connection, prometheus, received, rows, targets)
        wait_for(scoring.ready, 60, "the scorer is ready")
        prometheus.wait_for_value("sum(up)", 5, "Prometheus sees everything")
        events.began = time.time()
        wait_for(
            lambda: (
                prometheus.query_value("min(timestamp(fraud_dead_letters_total))") > events.began
            ),
            30,
            "the initial counters",
        )
        play(events, scoring, f"http://127.0.0.1:{api_port}")
        events.ended = time.time()
        yield events


def play(story, scoring, api):
    """Cause the events one by one, and wait until Prometheus shows each."""
    prometheus = story.prometheus
    call_api(api, story.rows.iloc[FRAUDS])
    story.refuse()
    refused = sum(REFUSED.values())
    prometheus.wait_for_value("sum(fraud_dead_letters_total)", refused, "the dead letters")
    story.redrive()
    story.send(WINDOW)
    while prometheus.query_value("data_drift_detected") is None or story.sent < 3 * WINDOW:
        story.send(WINDOW)
        wait_for_last_window(story)
        assert story.sent <= 15 * WINDOW, "no verdict"
    everything = story.sent + sum(KINDS.values())
    # a kill would lose counts
    prometheus.wait_for_value("sum(fraud_transactions_total)", everything, "all counts")
    os.kill(scoring.pids()[1], signal.SIGKILL)
    story.send(WINDOW)  # its partitions wait for a new owner
    prometheus.wait_for_value("max(fraud_worker_restarts_total)", 1, "the restart")
    wait_for_last_window(story)
    story.send_in_an_open_transaction(WINDOW)
    wait_for_last_window(story)
    # again, because counts from before Prometheus first saw a series are not an increase
    call_api(api, story.rows.iloc[FRAUDS])
    story.alerts_before = list(story.received)
    story.drifted = time.time()
    for _ in range(5):
        story.send(WINDOW, shift=2.0, frauds_every=20)
        wait_for_last_window(story)
        if prometheus.query_value("data_drift_detected") == 1:
            break
    wait_for(
        lambda: prometheus.query_value("sum(fraud_label_fraud_rises_total)") > 0,
        60,
        "the rise of frauds in the labels",
    )
    compared = "all windows compared with their labels"
    prometheus.wait_for_value("sum(fraud_label_payments)", story.sent, compared)
    labelled_at = time.time()
    wait_for(
        lambda: prometheus.query_value("min(timestamp(fraud_label_payments))") > labelled_at + 1,
        30,
        "another second, the step of a range",
    )
    wait_for(lambda: find_drift_alerts(story.received), 30, "the drift alert at the webhook")


def wait_for_last_window(story):
    """Wait until Prometheus shows the window of the last transactions."""
    last = story.sent // WINDOW
    story.prometheus.wait_for_value("sum(fraud_drift_windows_total)", last, f"window {last}")


def call_api(api, row):
    wait_for(lambda: request(f"{api}/health") == 200, 60, "the API answers")
    payment = json.dumps({name: float(row[name]) for name in INPUTS}).encode()
    for status, count in REQUESTS.items():
        path, body = {
            "200": ("predict", payment),
            "422": ("predict", b"{}"),
            "404": ("nothing", None),
        }[status]
        for _ in range(count):
            assert request(f"{api}/{path}", body) == int(status)


def request(url, body=None):
    try:
        return urlopen(Request(url, body, {"Content-Type": "application/json"}), timeout=5).status
    except HTTPError as error:
        return error.code
    except OSError:
        return 0


def find_drift_alerts(received):
    return [
        alert
        for alert in received
        if alert["labels"]["alertname"] == "DriftDetected" and alert["status"] == "firing"
    ]


def query_panel(story, expression, instant):
    """Return the values that a panel would draw."""
    expression = substitute_variables(expression, story.span, f"{RATE_S}s")
    if instant:
        values = [
            series["value"] for series in story.prometheus.query(expression, time=story.ended)
        ]
    else:
        values = [
            value
            for series in story.prometheus.query_range(expression, story.began, story.ended)
            for value in series["values"]
        ]
    return [float(value) for _, value in values if value != "NaN"]


@pytest.mark.parametrize(
    ("expression", "instant"),
    [q[1:] for q in read_panel_queries()],
    ids=[q[0] for q in read_panel_queries()],
)
def test_every_query_of_every_panel_has_data(story, expression, instant):
    assert query_panel(story, expression, instant), expression


@pytest.mark.parametrize("board", read_boards(), ids=lambda board: board["title"])
def test_a_drawn_dashboard_has_no_empty_panel(story, board):
    time_range = TimeRange(story.prometheus.url, story.began, story.ended)
    page, empty = draw_board(board, time_range)
    assert empty == []
    assert page.count('class="panel"') == sum(panel["type"] != "row" for panel in board["panels"])


@pytest.mark.parametrize(
    "metric", sorted(set().union(*map(find_metric_names, read_rule_expressions())))
)
def test_every_metric_in_a_rule_exists(story, metric):
    assert story.prometheus.query_range(metric, story.began, story.ended)


def test_counters_equal_the_topics(story):
    increases = {
        counter: story.prometheus.count_increases(counter, story.began - 2, story.ended, by)
        for counter, by in (
            ("fraud_transactions_total", "outcome"),
            ("fraud_dead_letters_total", "kind"),
            ("fraud_alert_reasons_total", "feature"),
        )
    }
    predictions = read_json(story.connection, topics.PREDICTIONS, story.sent)
    dead = read_all(story.connection, topics.DEAD_LETTERS, sum(KINDS.values()))
    alerts = read_json(story.connection, topics.ALERTS, FRAUDS)
    decisions = [prediction["decision"] for prediction in predictions]
    assert len(decisions) == story.sent
    expected = {name: decisions.count(name) for name in ("approve", "review", "block")} | {
        "rejected": len(dead)
    }
    assert increases["fraud_transactions_total"] == expected
    assert {
        kind: count for kind, count in increases["fraud_dead_letters_total"].items() if count
    } == KINDS
    assert sum(increases["fraud_alert_reasons_total"].values()) == 5 * len(alerts)


def find_expression(name):
    return next(expression for query, expression, _ in read_panel_queries() if query == name)


def show_panel(story, name):
    """Return the values of a panel at the end, by the value of their label, or "" without one."""
    found = story.prometheus.query(
        substitute_variables(find_expression(name), story.span, f"{RATE_S}s"), time=story.ended
    )
    return {
        next(iter(series["metric"].values()), ""): float(series["value"][1]) for series in found
    }


def show_figure(story, name):
    """Return the value of a panel that shows a single one."""
    (value,) = show_panel(story, name).values()
    return value


def add_up_rate(story, name):
    """Return the count of events that a rate adds up to, by the value of its label."""
    found = story.prometheus.query_range(
        substitute_variables(find_expression(name), story.span, f"{RATE_S}s"),
        story.began,
        story.ended + RATE_S,
    )
    return {
        next(iter(series["metric"].values()), ""): sum(
            float(value) for _, value in series["values"]
        )
        for series in found
    }


def read_messages(story, topic, count):
    return read_json(story.connection, topic, count)


def read_window_events(story):
    """Return all window events of the monitor."""
    return list(
        decode_windows(
            message.value()
            for message in read_all(story.connection, topics.DRIFT_EVENTS, story.sent // WINDOW)
        )
    )


def approximate(count, story):
    """Return the possible results for a count: increase() extrapolates to the ends of its range."""
    beyond = story.span / (story.span - BEYOND)
    # from count to beyond * count
    return pytest.approx(count * (1 + beyond) / 2, rel=(beyond - 1) / (beyond + 1) + 0.001, abs=0)


def test_figures_match_the_events(story):
    alerts = read_messages(story, topics.ALERTS, FRAUDS)
    due = [
        event
        for event in read_window_events(story)
        if event.detected or (event.detected is not None and (event.window - 1) % EVERY == 0)
    ]
    done = {
        "Stream / Dead letters": sum(KINDS.values()),
        "Stream / Restarts": 1,
        "Drift / Windows": story.sent // WINDOW,
        "Drift / Reports skipped": sum(event.report is None for event in due),
        "Drift / Late events": sum(event.late for event in read_window_events(story)),
        "Model / Alerts in an hour": len(alerts),
    }
    assert {name: show_figure(story, f"{name} / A") for name in done} == {
        name: approximate(count, story) for name, count in done.items()
    }
    assert show_figure(story, "Model / Alerts in an hour, and as usual / B") == approximate(
        len(alerts), story
    )
    reasons = Counter(reason["feature"] for alert in alerts for reason in alert["reasons"])
    top = {
        feature: count
        for feature, count in show_panel(story, "Model / Reasons by feature / A").items()
        if count
    }
    assert top == {feature: approximate(reasons[feature], story) for feature in top}
    assert len(top) == min(len(reasons), 10)
    assert sorted(show_panel(story, "Stream / Restarts by worker / A").values()) == [0, 1]
    assert show_figure(story, "Host and API / Requests in total / A") == 2 * sum(REQUESTS.values())
    answered = story.prometheus.query(
        'sum by (status) (http_requests_total{handler!~"/metrics|/health"})', time=story.ended
    )
    assert {
        series["metric"]["status"]: int(series["value"][1]) / 2 for series in answered
    } == REQUESTS


def test_rates_add_up_to_the_events(story):
    decisions = Counter(
        prediction["decision"]
        for prediction in read_messages(story, topics.PREDICTIONS, story.sent)
    )
    reasons = Counter(
        reason["feature"]
        for alert in read_messages(story, topics.ALERTS, FRAUDS)
        for reason in alert["reasons"]
    )
    everything = decisions + Counter(rejected=sum(KINDS.values()))
    done = {
        "Stream / Rate": {"": everything.total()},
        "Stream / Rate by outcome": everything,
        "Stream / Dead letters by kind": KINDS,
        "Model / Reasons over time": reasons,
    }
    drawn = {
        name: {label: count for label, count in add_up_rate(story, f"{name} / A").items() if count}
        for name in done
    }
    assert drawn == {
        name: {label: pytest.approx(count, rel=0.2) for label, count in counts.items()}
        for name, counts in done.items()
    }
    assert add_up_rate(story, "Model / Probability of fraud / A")["+Inf"] == pytest.approx(
        RATE_S * decisions.total(), rel=0.2
    )
    answered = add_up_rate(story, "Host and API / Requests by status / A")
    assert answered.keys() == REQUESTS.keys()
    for status, count in REQUESTS.items():  # the first requests may predate the series
        assert 0.8 * count < answered[status] < 1.2 * 2 * count, status


def test_the_drift_panels_show_the_last_window(story):
    last = read_window_events(story)[-1]
    panels = {
        "Drift": last.detected,
        "Score": last.score,
        "Detected": last.detected,
        "Severity": LEVELS.index(last.severity),
        "Tail of the scores": last.tail,
        "Distance of the scores": last.distances["margin"],
        "Age of the last window": pytest.approx(story.ended - last.end.timestamp(), abs=0.01),
    }
    assert {name: show_figure(story, f"Drift / {name} / A") for name in panels} == panels
    assert show_figure(story, "Host and API / Drift detected / A") == last.detected
    assert show_figure(story, "Host and API / Drift score / A") == last.score
    nearness = {
        feature: distance / last.limits[feature] for feature, distance in last.distances.items()
    }
    assert show_panel(story, "Drift / Distance over its limit, by feature / A") == pytest.approx(
        nearness
    )
    assert sum(near >= 1 for near in nearness.values()) / len(nearness) == pytest.approx(last.score)
    assert show_panel(story, "Drift / Stuck at one value / A") == pytest.approx(last.stuck)
    assert show_panel(story, "Drift / Farthest over time / A") == farthest(last.distances)
    assert show_panel(story, "Drift / Farthest from the model's reference / A") == farthest(
        last.from_reference
    )
    assert show_panel(story, "Drift / What weighs most / A") == {
        one.feature: one.weight for one in last.top
    }
    rate = last.alerts
    pace = {"now": rate.per_day, "low": rate.low, "high": rate.high, "usual": rate.usual_per_day}
    assert show_panel(story, "Drift / Alerts a day / A") == pace


def farthest(distances):
    return dict(sorted(distances.items(), key=lambda found: -found[1])[:5])


def test_gauges_change_with_the_stream(story):
    def values(metric, start=story.began, end=story.ended):
        return story.prometheus.collect_values(metric, start, end)

    assert values("sum(fraud_workers)") == {1, 2}
    assert values("data_drift_detected", story.began, story.drifted) == {0}
    assert values("data_drift_detected") == {0, 1}
    assert max(values("data_drift_score")) > max(values("data_drift_score", end=story.drifted))
    assert (
        max(values('fraud_drift_distance{feature="V1"}'))
        > 1
        > max(values('fraud_drift_distance{feature="V1"}', end=story.drifted))
    )
    assert len(values("fraud_drift_window_end_timestamp_seconds")) > 1
    for lag in ("max(fraud_consumer_lag)", "max(fraud_consumer_lag_seconds)"):
        assert min(values(lag)) == 0 < max(values(lag)), lag
    assert values("sum(fraud_label_fraud_rises_total)", story.began, story.drifted) == {0}
    assert values("max(fraud_label_frauds_rose)") == {0, 1}
    assert max(values('sum(fraud_label_payments{truth="fraud"})')) > FRAUDS
    assert max(values('fraud_drift_reference_distance{feature="V1"}')) > 1
    assert len(values('fraud_drift_stuck{feature="Amount"}')) > 1
    assert max(values("max(fraud_drift_severity)")) > 0 == min(values("max(fraud_drift_severity)"))
    assert max(values("sum(fraud_drift_drifted_windows_total)")) > 0


def test_label_metrics_match_the_labels(story):
    """Every payment is labelled and every window compared; the topics give the expected values."""
    frauds = {
        label["transaction_id"]
        for label in read_messages(story, topics.LABELS, story.sent)
        if label["is_fraud"]
    }
    alerts = {
        found["transaction_id"]
        for found in read_messages(story, topics.PREDICTIONS, story.sent)
        if found["decision"] != "approve"
    }
    metrics = {
        name: last(story, f"max({name})")
        for name in ("fraud_label_precision", "fraud_label_recall", "fraud_labelled_share")
    }
    assert metrics == {
        "fraud_label_precision": len(alerts & frauds) / len(alerts),
        "fraud_label_recall": len(alerts & frauds) / len(frauds),
        "fraud_labelled_share": 1,
    }
    assert last(story, 'sum(fraud_label_payments{truth="fraud"})') == len(frauds)


def last(story, expression):
    """Return the value at the end."""
    return query_panel(story, expression, instant=True)[-1]


@pytest.mark.parametrize("job", ["scorer", "monitor", "api"])
def test_promtool_accepts_every_endpoint(story, job):
    for address in story.targets[job]:
        page = urlopen(f"http://{address}/metrics", timeout=5).read()
        checked = run([require_program("promtool"), "check", "metrics"], input=page, text=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_drift_alert_fires_after_the_moment_and_not_before(story):
    assert not find_drift_alerts(story.alerts_before)
    alert = find_drift_alerts(story.received)[0]
    assert pd.Timestamp(alert["startsAt"]).timestamp() >= story.drifted
    url = alert["annotations"]["runbook_url"]
    assert url == f"http://{story.targets['api'][0]}/runbooks/drift-detected.md"
    assert "DriftDetected" in urlopen(url, timeout=5).read().decode()
    assert "console" not in alert["labels"]
