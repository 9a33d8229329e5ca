"""Processes are ended along with those they started."""

import subprocess
import sys

import psutil
from support.waiting import wait_for

from infra.processes import end_trees

_STUBBORN = (
    "import signal, subprocess, sys, time;"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "print('ready', flush=True); time.sleep(60)"
)


def test_a_process_that_ignores_sigterm_is_killed_with_its_children():
    with subprocess.Popen([sys.executable, "-c", _STUBBORN], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        (child,) = psutil.Process(process.pid).children()
        end_trees([process.pid], timeout=0.2)
        assert process.poll() is not None
        wait_for(lambda: not child.is_running() or child.status() == "zombie", 5, "the child ends")


def test_a_missing_process_is_not_an_error():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    end_trees([process.pid], timeout=0.2)
