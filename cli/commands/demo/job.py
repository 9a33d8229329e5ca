"""Run the demo: start the system, replay transactions and labels, and collect the results."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from cli.commands.demo import measure
from cli.commands.demo.caught import measure_caught
from cli.commands.demo.processes import Processes
from cli.commands.demo.summary import Summary
from cli.errors import CommandError
from cli.support.progress import make_bar, make_download_columns
from cli.support.settings import Settings
from drift.events import WindowClosed, decode_windows
from drift.reports.schedule import name_reports_folder
from infra import demo_ports
from infra.interrupts import Interrupts
from infra.kafka import broker as kafka
from infra.watch.containers import Containers
from model.artefact import Model
from payments.schema.reading import DEFAULT, read_schema
from producer.disturbed import disturb, shift_halfway
from producer.labels import LabelFeed, replay_with_labels
from producer.replay import Replay, Totals
from producer.rows import Selection, read
from producer.schedule import at_rate
from streams.kafka import topic_admin, topics
from streams.kafka.cluster import Cluster, Offsets
from streams.kafka.connection import Connection
from streams.kafka.reader import read as read_between
from streams.ledger.audit import audit

WORKERS = demo_ports.SCORER_WORKERS
IDLE_CLOSE = "5s"  # shorter than the default: nothing follows the replay
LABEL_DELAY_S = 2.0
HORIZON = "10s"  # of the labels: the panels of precision and recall need windows with labels
_STALLED_S = 120.0
_POLL_S = 0.5

Say = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """One run of the demo."""

    settings: Settings
    data: Path
    rate: float
    drift: bool
    interrupts: Interrupts
    console: Console

    def run(self, stack: ExitStack) -> Summary:
        """Run the demo. What it starts runs until `stack` is closed.

        Raises CommandError, and the errors of the other packages.
        """
        environment = dict(os.environ)
        if self.settings.model_dir:
            environment["FRAUD_MODEL_DIR"] = str(self.settings.model_dir)
        processes = Processes(self.settings.home, environment, self.interrupts)
        if ended := processes.end_leftovers():
            self._say(f"stopped {ended} processes of an earlier demo")
        self._refuse_ports()
        watching = self._start_watching()
        settings = self._start_kafka(stack)
        connection = settings.make_connection()
        topic_admin.create(connection)
        stack.callback(processes.stop)
        stack.callback(watching.stop)
        watching.start()
        self._start_system(processes, settings)
        summary = self._replay(processes, settings, connection)
        return replace(summary, addresses=summary.addresses | watching.list_addresses())

    def _say(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _list_worker_ports(self) -> list[int]:
        return [self.settings.metrics_port + worker for worker in range(WORKERS)]

    def _refuse_ports(self) -> None:
        """Raise CommandError if ports collide or are in use; starting Kafka checks Kafka's own."""
        try:
            ours = list(demo_ports.list_service_ports(os.environ))
            kafkas = (
                []
                if self.settings.given_servers
                else demo_ports.list_kafka_ports(os.environ, controller=True)
            )
            problems = [
                *demo_ports.find_collisions([*ours, *kafkas]),
                *demo_ports.find_taken(ours, self.settings.home),
            ]
        except ValueError as error:
            problems = [str(error)]
        if problems:
            raise CommandError("; ".join(problems))

    def _start_watching(self) -> Containers:
        try:
            return Containers(self.settings.home, os.environ, self._say)
        except ValueError as error:
            raise CommandError(str(error)) from None

    def _start_kafka(self, stack: ExitStack) -> Settings:
        """Use the given cluster or a running broker, or start one that is stopped at the end."""
        if self.settings.given_servers:
            return self.settings
        chosen = kafka.choose(self.settings.home, self.settings.kafka_port)
        # kept until it is stopped, so that the next demo stops the Kafka of a killed one
        ours = self.settings.home / "demo" / "started-kafka"
        if not chosen.alive() or ours.exists():
            ours.touch()

            def stop() -> None:
                chosen.stop()
                ours.unlink(missing_ok=True)

            stack.callback(stop)
        with make_bar(self.console.quiet, make_download_columns(), self.console) as progress:
            jars = progress.add_task("", total=None, visible=False)
            chosen.start(
                self._say,
                lambda done, total: progress.update(
                    jars, completed=done, total=total, visible=True
                ),
            )
        return self.settings.model_copy(update={"bootstrap_servers": chosen.bootstrap_servers})

    def _start_system(self, processes: Processes, settings: Settings) -> None:
        self._say(f"starting the scorer with {WORKERS} workers, the monitor and the API")
        worker_ports = self._list_worker_ports()
        processes.start("scorer", ["score", "--workers", str(WORKERS)], worker_ports)
        # Each run is judged alone: an earlier one may have drifted, and its alerts are old.
        monitor = ["monitor", "--fresh", "--idle-close", IDLE_CLOSE, "--label-horizon", HORIZON]
        processes.start("monitor", monitor, [settings.monitor_port])
        processes.start("api", ["serve", "--fresh"], [settings.api_port])
        processes.wait_until_ready("scorer", worker_ports)
        processes.wait_until_ready("monitor", [settings.monitor_port])
        processes.wait_until_ready("api", [settings.api_port])

    def _replay(self, processes: Processes, settings: Settings, connection: Connection) -> Summary:
        """Replay the test part, wait for the last commit and window, and collect the results."""
        cluster = Cluster(connection)
        self._wait_for_both(processes, connection, cluster, "an earlier run's records")
        first, count = self._test_part(settings)
        run = f"demo-{datetime.now(UTC):%Y%m%dT%H%M%S}"
        begin = {topic.name: cluster.find_end(topic.name) for topic in topics.TOPICS}
        reader = measure.LiveReader(connection, begin[topics.PREDICTIONS], run, first, count)
        reader.start()
        since = datetime.now(UTC)
        try:
            totals = self._send(connection, run, first, count)
            load = os.getloadavg()[0]
            self._wait_for_both(
                processes, connection, cluster, "the last commit and the last window"
            )
        finally:
            reader.stop()
        self._say("checking the ledger")
        books = audit(connection, begin[topics.TRANSACTIONS], since)
        end = {topic.name: cluster.find_end(topic.name) for topic in topics.TOPICS}
        labels = read_between(connection, topics.LABELS, begin[topics.LABELS], end[topics.LABELS])
        truth = measure.collect_truth(labels, run, first, count)
        windows = _read_windows(connection, begin[topics.DRIFT_EVENTS], end[topics.DRIFT_EVENTS])
        self._wait_for_reports(processes, windows)
        return Summary(
            run=run,
            audit=books,
            alerts=_count(connection, topics.ALERTS, begin[topics.ALERTS], end[topics.ALERTS]),
            offered_per_second=totals.offered_per_second,
            achieved_per_second=totals.achieved_per_second,
            end_to_end_seconds=measure.measure_latency(
                reader.arrived, totals.started_at, self.rate
            ),
            caught=measure_caught(reader, truth, Model.load(settings.model, settings.schema)),
            windows=windows,
            addresses=self._list_addresses(connection),
            load=load,
            cores=os.cpu_count() or 1,
        )

    def _test_part(self, settings: Settings) -> tuple[int, int]:
        manifest = Model.load(settings.model, settings.schema).manifest
        if not manifest.cuts:
            self._say(
                "the model is of an earlier release; get the present defaults with: fraud train"
            )
        test = manifest.test
        rows = Selection(self.data, read_schema(DEFAULT)).check().rows or 0
        if rows <= test.first:
            raise CommandError(
                f"{self.data} has no row {test.first}: the model was trained on another file; "
                "run: fraud train"
            )
        return test.first, min(rows, test.last + 1) - test.first

    def _send(self, connection: Connection, run: str, first: int, count: int) -> Totals:
        selection = Selection(self.data, read_schema(DEFAULT), first, first + count)
        stop = threading.Event()
        feed = LabelFeed(
            connection, read(selection, run), selection.schema, LABEL_DELAY_S, time, stop
        )
        pace = f"{self.rate:,.0f} per second" if self.rate else "as fast as possible"
        self._say(
            f"replaying {count:,} transactions in time order, {pace}; "
            f"labels follow {LABEL_DELAY_S:g} s later"
        )
        rows = read(selection, run)
        if self.drift:
            self._say(f"from transaction {count // 2:,} on, V4 is shifted by 2 standard deviations")
            rows = disturb(rows, shift_halfway(count))
        with make_bar(self.console.quiet, console=self.console) as progress:
            task = progress.add_task("", total=count)

            def on_progress(sent: int) -> None:
                feed.note_sent(sent)
                progress.update(task, completed=sent)

            player = Replay(connection, rows, at_rate(self.rate), time, on_progress)
            totals, labels = replay_with_labels(player, feed, stop)
        self._say(f"{totals.delivered:,} confirmed in {totals.seconds:.1f} s, {labels:,} labels")
        return totals

    def _wait_for_both(
        self, processes: Processes, connection: Connection, cluster: Cluster, what: str
    ) -> None:
        """Wait until scorer and monitor have committed past the last record."""
        announced = False
        for group, topic in (
            (topics.SCORER_GROUP, topics.TRANSACTIONS),
            (topics.MONITOR_GROUP, topics.PREDICTIONS),
        ):
            before = (0, 0.0)
            deadline = 0.0
            while waiting := _count_waiting(connection, cluster, group, topic):
                processes.check()
                if not announced:
                    self._say(f"waiting for {what}")
                    announced = True
                # reports run at idle priority: on a busy machine a window may take minutes
                now = (waiting, processes.sum_cpu_seconds("monitor"))
                if now != before:
                    before = now
                    deadline = time.monotonic() + _STALLED_S
                if time.monotonic() > deadline:
                    raise CommandError(
                        f"{group} has made no progress for {_STALLED_S:.0f} s, "
                        f"{waiting} records of {topic} are waiting; see the logs"
                    )
                time.sleep(_POLL_S)

    def _wait_for_reports(self, processes: Processes, windows: list[WindowClosed]) -> None:
        """Wait for the last reports, which another process writes."""
        expected = [self.settings.home / window.report for window in windows if window.report]
        deadline = time.monotonic() + _STALLED_S
        while not all(path.exists() for path in expected):
            processes.check()
            if time.monotonic() > deadline:
                raise CommandError(f"a report is missing after {_STALLED_S:.0f} s; see the logs")
            time.sleep(_POLL_S)

    def _list_addresses(self, connection: Connection) -> dict[str, str]:
        workers = {
            f"scorer_{number}": f"http://127.0.0.1:{port}/metrics"
            for number, port in enumerate(self._list_worker_ports())
        }
        return {
            "kafka": connection.bootstrap_servers,
            **workers,
            "monitor": f"http://127.0.0.1:{self.settings.monitor_port}/metrics",
            "api": f"http://127.0.0.1:{self.settings.api_port}/docs",
            "console": f"http://127.0.0.1:{self.settings.api_port}/console",
            "reports": str(self.settings.home / name_reports_folder(connection)),
            "logs": str(self.settings.home / "logs"),
        }


def _count_waiting(connection: Connection, cluster: Cluster, group: str, topic: str) -> int:
    """Count the records that the group has not committed past: offsets have gaps."""
    end = cluster.find_end(topic)
    begin = dict.fromkeys(end, 0) | cluster.find_committed(group, topic, list(end))
    return sum(len(batch) for batch in read_between(connection, topic, begin, end))


def _count(connection: Connection, topic: str, begin: Offsets, end: Offsets) -> int:
    return sum(len(batch) for batch in read_between(connection, topic, begin, end))


def _read_windows(connection: Connection, begin: Offsets, end: Offsets) -> list[WindowClosed]:
    batches = read_between(connection, topics.DRIFT_EVENTS, begin, end)
    return list(decode_windows(message.value() for batch in batches for message in batch))
