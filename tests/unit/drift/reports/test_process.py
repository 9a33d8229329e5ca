import os
import re
import signal

import numpy as np
import psutil
import pytest
from support.data.drifting import COLUMNS
from support.report_numbers import findings
from support.waiting import wait_for

from drift.detect.detector import DriftDetector
from drift.errors import ReportError, ReportProcessError
from drift.reports.evidently_report import LabelledPayments, ReportRequest
from drift.reports.index import ReportFolder
from drift.reports.process import ReportProcess

WAIT_S = 200  # the process uses only idle CPU time


@pytest.fixture(scope="module")
def detector():
    rng = np.random.default_rng(1)
    return DriftDetector(
        rng.normal(size=(6_000, len(COLUMNS))) * np.linspace(0.5, 30, len(COLUMNS)), COLUMNS
    )


def start():
    process = ReportProcess()
    os.kill(
        process._process.pid, signal.SIGINT
    )  # Ctrl-C reaches the whole terminal at any moment; only the monitor answers it
    yield process
    process.close()


@pytest.fixture(scope="module")
def reports():
    """One process for all tests, because importing Evidently takes seconds."""
    yield from start()


@pytest.fixture
def own_reports():
    """A process that the test may end."""
    yield from start()


def window(detector, shift):
    rows = detector.sample[:1_000].copy()
    rows[:, :10] += shift * np.linspace(0.5, 30, len(COLUMNS))[:10]
    return rows


def request(detector, path, labelled=None):
    rows = window(detector, 0)
    return ReportRequest(path, rows, detector.detect(rows), labelled)


def report_folder(folder):
    return ReportFolder(folder, (), keep=10)


def test_evidently_computes_the_same_distances_and_score(reports, detector, tmp_path):
    rows = window(detector, 0.7)
    verdict = detector.detect(rows)
    path = tmp_path / "reports" / "window-000001.html"
    labelled = LabelledPayments(alert=rows[:400, 0] > 1, fraud=rows[:400, 0] > 1.2)
    written = ReportRequest(path, rows, verdict, labelled, ("V3", "margin"))
    reports.write(written, report_folder(path.parent)).result(WAIT_S)
    found = findings(written)
    assert found.values == pytest.approx(verdict.distances, rel=1e-9)
    assert found.share == verdict.score
    assert verdict.score >= 10 / len(COLUMNS)
    html = path.read_text()
    assert not re.findall(
        r"<(?:script|link|img)[^>]+(?:src|href)=[\"']?https?:", html
    )  # the page needs no network
    for part in (
        "Verdict on all rows: DRIFT, shifted for ten windows: V3 margin",
        f'"value": "{verdict.tail:.3f}"',
        "Dataset Drift",
        "Classification Quality",
        "Confusion Matrix",
    ):
        assert part in html
    assert {path.name for path in path.parent.iterdir()} == {"window-000001.html", "index.html"}


@pytest.mark.parametrize("all_are", [True, False])
def test_a_single_class_gives_a_report_without_quality(reports, detector, tmp_path, all_are):
    alike = np.full(100, all_are)
    path = tmp_path / "window-1.html"
    reports.write(
        request(detector, path, LabelledPayments(alike, alike)), report_folder(tmp_path)
    ).result(WAIT_S)
    assert "Confusion Matrix" not in path.read_text()


def test_a_failed_report_is_named_and_the_process_continues(reports, detector, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match=r"window-1\.html could not be written: FileExistsError"):
        reports.write(
            request(detector, tmp_path / "file" / "window-1.html"), report_folder(tmp_path)
        ).result(WAIT_S)
    reports.write(request(detector, tmp_path / "window-2.html"), report_folder(tmp_path)).result(
        WAIT_S
    )
    assert (tmp_path / "window-2.html").exists()


def test_a_process_that_dies_is_named(own_reports, tmp_path):
    os.kill(own_reports._process.pid, signal.SIGKILL)
    with pytest.raises(ReportProcessError, match=r"died \(exit code -9\)"):
        own_reports.write(None, report_folder(tmp_path)).result(WAIT_S)


def test_a_process_that_dies_while_it_has_nothing_to_write_is_named(own_reports):
    own_reports.check()
    os.kill(own_reports._process.pid, signal.SIGKILL)
    with pytest.raises(ReportProcessError, match=r"died \(exit code -9\)"):
        wait_for(own_reports.check, 30, "the check to fail")


def test_closing_does_not_wait_for_the_report(own_reports, detector, tmp_path):
    pid = own_reports._process.pid
    begun = own_reports.write(
        request(detector, tmp_path / "window-1.html"), report_folder(tmp_path)
    )
    own_reports.close()
    assert not psutil.pid_exists(pid)
    assert isinstance(begun.exception(WAIT_S), ReportProcessError)
