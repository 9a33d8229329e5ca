import re
from concurrent.futures import Future
from datetime import timedelta

import numpy as np
import pytest
from support.data.drifting import COLUMNS
from support.data.windows import CLOSED_AT, make_window

from drift.detect.detector import DriftDetector
from drift.errors import ReportError, ReportProcessError
from drift.metrics import DriftMetrics
from drift.reports.index import IndexEntry, ReportFolder, update_folder
from drift.reports.schedule import ReportSchedule, name_reports_folder, report_name
from streams.kafka.connection import Connection

ROWS = np.random.default_rng(1).normal(size=(500, len(COLUMNS)))
VERDICT = DriftDetector(ROWS, COLUMNS).detect(ROWS)


class SlowWriter:
    """Finishes requests when the test says so."""

    def __init__(self):
        self.begun = []

    def write(self, task, shelf):
        self.begun.append((task.path.name if task else None, shelf, Future()))
        return self.begun[-1][2]

    def check(self):
        pass

    def names(self):
        return [path for path, _, _ in self.begun if path]

    def finish(self, error=None):
        for _, _, future in self.begun:
            if not future.done():
                future.set_exception(error) if error else future.set_result(None)


@pytest.fixture
def reports(registry, tmp_path):
    return ReportSchedule(
        SlowWriter(), tmp_path, "reports", DriftMetrics(registry, COLUMNS), every=10
    )


def event(number, detected, report):
    end = CLOSED_AT + timedelta(minutes=number)
    return make_window(number, detected=detected, report=report, end=end)


def close(reports, number, detected):
    reports.collect_finished()
    closed = event(number, detected, reports.plan(number, detected))
    reports.record_window(closed, ROWS, VERDICT if detected is not None else None)
    reports.collect_finished()
    return closed.report


def counted(registry):
    skipped = registry.get_sample_value("fraud_drift_reports_skipped_total")
    return {
        outcome: registry.get_sample_value("fraud_drift_reports_total", {"outcome": outcome})
        for outcome in ("written", "failed")
    } | {"skipped": skipped}


def test_every_tenth_window_and_each_drifted_window_gets_a_report(reports, registry):
    drifted = {3, 25}
    for number in range(1, 31):
        close(reports, number, None if number == 11 else number in drifted)
        reports._writer.finish()
    reports.collect_finished()
    assert reports._writer.names() == [report_name(number) for number in (1, 3, 21, 25)]
    assert counted(registry) == {"written": 4, "failed": 0, "skipped": 0}


def test_with_one_report_waiting_later_ones_are_skipped_and_counted(reports, registry):
    assert close(reports, 1, False) == "reports/window-000001.html"
    assert close(reports, 2, True) == "reports/window-000002.html"
    assert close(reports, 3, True) is None
    assert close(reports, 4, False) is None  # none was due
    reports._writer.finish()
    assert close(reports, 5, True) == "reports/window-000005.html"
    assert counted(registry) == {"written": 2, "failed": 0, "skipped": 1}


def test_a_report_interrupted_with_its_process_is_skipped_and_named(
    reports, registry, tmp_path, caplog
):
    planned = [event(number, True, f"reports/{report_name(number)}") for number in range(1, 7)]
    (tmp_path / "reports").mkdir()
    (tmp_path / planned[4].report).write_text("")
    reports.resume(
        [*planned, event(7, False, None)], first=0
    )  # reports 1 to 4 are older: written and deleted since
    assert counted(registry) == {"written": 0, "failed": 0, "skipped": 1}
    (line,) = caplog.messages
    assert "`fraud report --window 6`" in line


@pytest.mark.parametrize(
    ("keep", "first"), [(50, 3), (0, 0)], ids=["this process writes it", "none is kept"]
)
def test_reports_in_progress_or_not_kept_are_not_counted_as_skipped(
    registry, tmp_path, keep, first
):
    reports = ReportSchedule(
        SlowWriter(), tmp_path, "reports", DriftMetrics(registry, COLUMNS), keep=keep
    )
    reports.resume(
        [event(number, True, f"reports/{report_name(number)}") for number in (1, 2)], first
    )
    assert counted(registry)["skipped"] == 0


def test_failed_reports_are_counted_and_a_dead_process_ends_the_monitor(reports, registry):
    close(reports, 1, True)
    reports._writer.finish(ReportError("disk full"))
    assert close(reports, 2, True)
    assert counted(registry) == {"written": 0, "failed": 1, "skipped": 0}
    reports._writer.finish(ReportProcessError("died"))
    with pytest.raises(ReportProcessError):
        reports.collect_finished()


def test_the_index_is_written_for_windows_without_a_report_and_shows_all(reports):
    reports.resume([event(number, False, None) for number in (1, 2)], first=0)
    close(reports, 3, False)
    close(reports, 4, False)  # while the first is being written
    assert len(reports._writer.begun) == 1
    reports._writer.finish()
    reports.collect_finished()
    reports.collect_finished()
    path, folder, _ = reports._writer.begun[-1]
    assert path is None
    assert [point.window for point in folder.entries] == [1, 2, 3, 4]


def test_a_failed_index_is_counted_and_written_with_the_next_window(reports, registry):
    for number in (2, 3):
        close(reports, number, False)
        assert len(reports._writer.begun) == number - 1
        reports._writer.finish(ReportError("disk full"))
        reports.collect_finished()
    assert counted(registry) == {"written": 0, "failed": 2, "skipped": 0}


def test_the_folder_keeps_the_newest_reports_and_the_index_links_them(tmp_path):
    for number in range(1, 8):
        (tmp_path / report_name(number)).write_text("")
    points = [
        IndexEntry(
            n,
            CLOSED_AT + timedelta(minutes=n),
            5_000,
            n / 10,
            n > 5,
            report_name(n) if n < 8 else None,
        )
        for n in range(1, 10)
    ]
    update_folder(
        ReportFolder(tmp_path, [*points, IndexEntry(10, CLOSED_AT, 3, None, None, None)], keep=3)
    )
    newest = {report_name(number) for number in (5, 6, 7)}
    assert {path.name for path in tmp_path.iterdir()} == {"index.html", *newest}
    page = (tmp_path / "index.html").read_text()
    assert set(re.findall(r'href="(window-[^"]+)"', page)) == newest
    assert page.count("<circle") == 9  # windows without a verdict are not on the plot
    assert page.count('<circle class="drift"') == 4
    assert "too few events" in page
    assert "script" not in page


def test_the_index_names_what_drifted(tmp_path):
    entry = IndexEntry(1, CLOSED_AT, 5_000, 0.1, True, None, ("V4", "margin"), ("V2", "V3"))
    update_folder(ReportFolder(tmp_path, [entry], keep=0))
    page = (tmp_path / "index.html").read_text()
    assert "V4, margin" in page
    assert "V2, V3" in page


@pytest.mark.parametrize(
    "points",
    [
        [],
        [IndexEntry(1, CLOSED_AT, 3, None, None, None)],
        [IndexEntry(1, CLOSED_AT, 3, 0.5, True, None)],
    ],
)
def test_an_index_of_few_windows_is_complete(tmp_path, points):
    update_folder(ReportFolder(tmp_path, points, keep=0))
    assert (tmp_path / "index.html").read_text().endswith("</html>\n")


def test_each_prefix_has_its_own_folder_below_reports(tmp_path):
    assert name_reports_folder(Connection("b")) == "reports"
    prefixed = [
        (tmp_path / name_reports_folder(Connection("b", prefix))).resolve()
        for prefix in ("a.", "a", ".", "..")
    ]
    assert len(set(prefixed)) == 4
    assert {path.parent for path in prefixed} == {tmp_path / "reports"}
