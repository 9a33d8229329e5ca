import os
import re
import signal

import numpy as np
import psutil
import pytest
from support.report_numbers import findings

from drift.detect.detector import COLUMNS, DriftDetector
from drift.errors import ReportError, ReportProcessError
from drift.reports.evidently_report import LabelledPayments, ReportRequest
from drift.reports.index import ReportFolder
from drift.reports.process import ReportProcess

WAIT_S = 200  # the process takes only what CPU nobody else wants


@pytest.fixture(scope="module")
def known():
    rng = np.random.default_rng(1)
    return DriftDetector(
        rng.normal(size=(6_000, len(COLUMNS))) * np.linspace(0.5, 30, len(COLUMNS))
    )


def started():
    process = ReportProcess()
    os.kill(
        process._process.pid, signal.SIGINT
    )  # Ctrl-C reaches the whole terminal, at any moment: it is the monitor's to answer
    yield process
    process.close()


@pytest.fixture(scope="module")
def reports():
    """One for all: it takes seconds to import Evidently."""
    yield from started()


@pytest.fixture
def own_reports():
    """One to be ended."""
    yield from started()


def window(known, shift):
    rows = known.sample[:1_000].copy()
    rows[:, :10] += shift * np.linspace(0.5, 30, len(COLUMNS))[:10]
    return rows


def task(known, path, labelled=None):
    rows = window(known, 0)
    return ReportRequest(path, rows, known.detect(rows), labelled)


def shelf(folder):
    return ReportFolder(folder, (), keep=10)


def test_evidently_finds_the_same_distances_and_the_same_score(reports, known, tmp_path):
    rows = window(known, 0.7)
    verdict = known.detect(rows)
    path = tmp_path / "reports" / "window-000001.html"
    labelled = LabelledPayments(alert=rows[:400, 0] > 1, fraud=rows[:400, 0] > 1.2)
    written = ReportRequest(path, rows, verdict, labelled)
    reports.write(written, shelf(path.parent)).result(WAIT_S)
    found = findings(written)
    assert found.values == pytest.approx(verdict.distances, rel=1e-9)
    assert found.share == verdict.score
    assert verdict.score >= 10 / len(COLUMNS)
    html = path.read_text()
    assert not re.findall(
        r"<(?:script|link|img)[^>]+(?:src|href)=[\"']?https?:", html
    )  # it opens without a network
    for part in (
        "Verdict on all rows: DRIFT",
        f'"value": "{verdict.tail:.3f}"',
        "Dataset Drift",
        "Classification Quality",
        "Confusion Matrix",
    ):
        assert part in html
    assert {path.name for path in path.parent.iterdir()} == {"window-000001.html", "index.html"}


@pytest.mark.parametrize("all_are", [True, False])
def test_where_all_labels_are_alike_there_is_drift_only(reports, known, tmp_path, all_are):
    alike = np.full(100, all_are)
    path = tmp_path / "window-1.html"
    reports.write(task(known, path, LabelledPayments(alike, alike)), shelf(tmp_path)).result(WAIT_S)
    assert "Confusion Matrix" not in path.read_text()


def test_a_report_that_cannot_be_written_is_named_and_the_process_goes_on(reports, known, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match=r"window-1\.html could not be written: FileExistsError"):
        reports.write(task(known, tmp_path / "file" / "window-1.html"), shelf(tmp_path)).result(
            WAIT_S
        )
    reports.write(task(known, tmp_path / "window-2.html"), shelf(tmp_path)).result(WAIT_S)
    assert (tmp_path / "window-2.html").exists()


def test_a_process_that_dies_is_named(own_reports, tmp_path):
    os.kill(own_reports._process.pid, signal.SIGKILL)
    with pytest.raises(ReportProcessError, match=r"died \(exit code -9\)"):
        own_reports.write(None, shelf(tmp_path)).result(WAIT_S)


def test_closing_does_not_wait_for_the_report(own_reports, known, tmp_path):
    pid = own_reports._process.pid
    begun = own_reports.write(task(known, tmp_path / "window-1.html"), shelf(tmp_path))
    own_reports.close()
    assert not psutil.pid_exists(pid)
    assert isinstance(begun.exception(WAIT_S), ReportProcessError)
