import os
import re
import signal
import threading

import numpy as np
import psutil
import pytest

from drift.errors import ReportError
from drift.report import ReportProcess, folder
from drift.statistics import COLUMNS, Limits, Reference
from streams.connection import Connection

NEVER = threading.Event()


@pytest.fixture(scope="module")
def known():
    rng = np.random.default_rng(1)
    return Reference(rng.normal(size=(6_000, len(COLUMNS))) * np.linspace(0.5, 30, len(COLUMNS)))


def started(known):
    process = ReportProcess(known.sample)
    os.kill(process._process.pid, signal.SIGINT)  # Ctrl-C reaches the whole terminal, at any moment: it is the monitor's to answer
    yield process
    process.close()


@pytest.fixture(scope="module")
def reports(known):
    """One for all: it takes seconds to import Evidently."""
    yield from started(known)


@pytest.fixture
def own_reports(known):
    """One to be ended."""
    yield from started(known)


def window(known, shift):
    rows = known.sample[:1_000].copy()
    rows[:, :10] += shift * np.linspace(0.5, 30, len(COLUMNS))[:10]
    return rows


def test_evidently_finds_the_same_distances_and_the_same_score(reports, known, tmp_path):
    rows = window(known, 0.7)
    verdict = known.judge(rows)
    path = tmp_path / "reports" / "window-000001.html"
    found = reports.write(path, rows, verdict.limits, NEVER)
    assert found.values == pytest.approx(verdict.distances, rel=1e-9)
    assert found.share == verdict.score
    assert verdict.score >= 10 / len(COLUMNS)
    html = path.read_text()
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=[\"']?https?:", html)  # it opens without a network
    assert list(path.parent.iterdir()) == [path]


def test_a_report_that_cannot_be_written_is_named_and_the_process_goes_on(reports, known, tmp_path):
    (tmp_path / "file").write_text("")
    limits = known.limits(1_000)
    with pytest.raises(ReportError, match=r"window-1\.html could not be written: FileExistsError"):
        reports.write(tmp_path / "file" / "window-1.html", window(known, 0), limits, NEVER)
    assert reports.write(tmp_path / "window-2.html", window(known, 0), limits, NEVER).share < 0.5


def test_a_process_that_dies_is_named(own_reports, known, tmp_path):
    os.kill(own_reports._process.pid, signal.SIGKILL)
    with pytest.raises(ReportError, match=r"died \(exit code -9\)"):
        own_reports.write(tmp_path / "window-1.html", window(known, 0), known.limits(1_000), NEVER)


def test_stopping_does_not_wait_for_the_report(own_reports, known, tmp_path):
    stop = threading.Event()
    stop.set()
    assert own_reports.write(tmp_path / "window-1.html", window(known, 0), Limits(np.ones(len(COLUMNS)), 1), stop) is None
    pid = own_reports._process.pid
    own_reports.close()
    assert not psutil.pid_exists(pid)


def test_each_prefix_has_a_folder_of_its_own_below_reports(tmp_path):
    assert folder(Connection("b")) == "reports"
    prefixed = [(tmp_path / folder(Connection("b", prefix))).resolve() for prefix in ("a.", "a", ".", "..")]
    assert len(set(prefixed)) == 4
    assert {path.parent for path in prefixed} == {tmp_path / "reports"}
