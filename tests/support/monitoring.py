"""Shared by tests of the monitor: predictions on the topic, a reference, and a running monitor."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from prometheus_client import CollectorRegistry

from drift.detect import reference
from drift.detect.reference_profile import ReferenceProfile
from drift.metrics import DriftMetrics
from drift.monitor import Monitor
from drift.reports.schedule import ReportSchedule, name_reports_folder
from model import publish
from model.artefact import compute_probabilities
from model.training import pipeline
from payments.contract import INPUTS
from streams.kafka.connection import Connection
from streams.kafka.topics import DRIFT_EVENTS, PREDICTIONS
from support.data import labelled
from support.data.drifting import COLUMNS
from support.data.transactions import CREDITCARD
from support.publishing import open_transactional
from support.topic_reader import read_all, read_json
from support.waiting import wait_for

PARTITIONS = 4
PROFILE = ReferenceProfile(dict.fromkeys(INPUTS, 1 / len(INPUTS)), alert_share=0.001)
SIZE = 600  # enough for a verdict


def draw_rows(count: int, seed: int) -> np.ndarray:
    """Return standard normal rows, but for an Amount that is never negative."""
    rows = np.random.default_rng(seed).normal(size=(count, len(COLUMNS)))
    rows[:, COLUMNS.names.index("Amount")] += 20
    return rows


def write_whole_model(home: Path) -> Path:
    """Save a complete artefact with the reference of `write_model`, and return its directory."""
    trained = pipeline.train(labelled.data(labelled.rows(1_500)))
    rows = draw_rows(6_000, seed=1)
    repeated = np.arange(len(rows)) * len(trained.reference) // len(rows)  # in order
    whole = trained.reference.iloc[repeated].reset_index(drop=True)
    whole[[*COLUMNS.names, "probability"]] = np.column_stack(
        [rows, compute_probabilities(rows[:, -1])]
    )
    return publish.save(replace(trained, reference=whole), home / "models").directory


def write_model(folder: Path) -> Path:
    """Write a model directory as far as the monitor reads it: a standard normal reference."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = draw_rows(6_000, seed=1)
    pd.DataFrame(rows, columns=list(COLUMNS.names)).to_parquet(folder / "reference.parquet")
    (folder / "manifest.json").write_text(json.dumps({"version": "v-test"}))
    return folder


def prediction(first: float, row: np.ndarray, second: float = 0.0) -> bytes:
    values = dict(zip(INPUTS, [first, *row[1:-1].tolist()], strict=True))
    event_time = (datetime(2013, 9, 1, tzinfo=UTC) + timedelta(seconds=second)).isoformat()
    transaction = {"transaction_id": "t", "event_time": event_time, **values}
    fields = {
        "transaction_id": "t",
        "event_time": event_time,
        "scored_at": "2013-09-01T00:00:00Z",
        "decision": "approve",
        "schema": CREDITCARD.reference,
    }
    probability = float(1 / (1 + np.exp(-row[-1])))
    return json.dumps(
        {**fields, "probability": probability, "model_version": "v", "transaction": transaction}
    ).encode()


def predict(
    connection: Connection,
    count: int,
    shift: float = 0.0,
    seed: int = 2,
    second: Callable[[int], float] = lambda i: 0.0,
    *,
    high_scores: int = 0,
    stuck: int = 0,
) -> None:
    """Write predictions in transactions of 50, so that offsets have gaps.

    `second`: the event time of each, in seconds since 1 September 2013. `high_scores`: number with
    a margin above nearly all others; `stuck`: number with V14 at its mean.
    """
    rows = draw_rows(count, seed) + shift
    rows[:high_scores, -1] = 3.5
    rows[:stuck, 13] = 0.0
    producer = open_transactional(connection, "test-scorer")
    for start in range(0, count, 50):
        producer.begin_transaction()
        for i, row in enumerate(rows[start : start + 50], start):
            producer.produce(
                connection.qualify(PREDICTIONS),
                prediction(row[0], row, second(i)),
                partition=(i * 7 // 3) % PARTITIONS,
            )
        producer.commit_transaction(30)


def events(connection: Connection, count: int, kind: str = "window") -> list[dict]:
    """Return the events of one kind, once there are `count` of any kind."""
    return [event for event in read_json(connection, DRIFT_EVENTS, count) if event["kind"] == kind]


def assert_each_in_one_window(
    connection: Connection, windows: list[dict], count: int, still_open: int = 0
) -> None:
    """Assert that all but `still_open` predictions are in exactly one window each."""
    messages = read_all(connection, PREDICTIONS, count + still_open)
    assert len(messages) == count + still_open
    holders = [
        [
            window["window"]
            for window in windows
            for start, end in [window["offsets"].get(str(message.partition()), (0, 0))]
            if start <= message.offset() < end
        ]
        for message in messages
    ]
    assert sorted(len(held) for held in holders) == [0] * still_open + [1] * count
    flat = [held[0] for held in holders if held]
    assert {window["window"]: window["events"] for window in windows} == {
        number: flat.count(number) for number in set(flat)
    }


class StubWriter:
    """Records the requested reports, and calls `on_write` for each."""

    def __init__(self, on_write=lambda path: None):
        self.requests = []
        self.on_write = on_write

    def write(self, request, folder):
        if request:
            self.requests.append(request)
            self.on_write(request.path)
        done = Future()
        done.set_result(None)
        return done

    def check(self):
        pass

    @property
    def paths(self):
        return [request.path.name for request in self.requests]


class Running:
    """A monitor in a thread, and the windows it has published."""

    def __init__(self, connection: Connection, home: Path, instance: str = "one", **changes):
        self.registry = CollectorRegistry()
        metrics = DriftMetrics(self.registry, COLUMNS)
        self.windows = []
        self.writer = StubWriter()
        self.failure = None
        self.monitor = Monitor(
            connection=connection,
            instance=instance,
            reference=reference.load(write_model(home / "model"), CREDITCARD),
            profile=PROFILE,
            reports=ReportSchedule(self.writer, home, name_reports_folder(connection), metrics),
            metrics=metrics,
            on_window_closed=self.windows.append,
            **{"size": SIZE, "idle_close": 3600.0, "clock": time.monotonic, **changes},
        )
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            self.monitor.run(self.stop)
        except Exception as error:
            self.failure = error

    def wait_until_ready(self) -> None:
        wait_for(lambda: self.monitor.ready, 60, "the monitor has its partitions")

    def wait_for_windows(self, count: int) -> None:
        wait_for(lambda: len(self.windows) >= count, 60, f"{count} windows are closed")

    def gauge(self, name: str) -> float | None:
        return self.registry.get_sample_value(name)


@contextlib.contextmanager
def running(connection: Connection, home: Path, **changes) -> Iterator[Running]:
    started = Running(connection, home, **changes)
    started.thread.start()
    try:
        yield started
    finally:
        started.stop.set()
        started.thread.join(20)
        assert not started.thread.is_alive()
