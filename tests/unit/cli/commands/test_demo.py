"""Parts of the demo that need no system: who may run, on which ports, and when it stops waiting."""

import errno
import subprocess
import sys
from contextlib import nullcontext
from itertools import chain, repeat
from types import SimpleNamespace

import pytest
from rich.console import Console
from support.ports import find_free_port
from support.waiting import wait_for

from cli.commands.demo import job, processes
from cli.commands.demo.job import Job
from cli.commands.demo.processes import Processes, hold_lock
from cli.errors import CommandError
from cli.support.settings import Settings


@pytest.fixture
def demo(tmp_path, monkeypatch):
    """A job in a temporary home; nothing is started."""
    monkeypatch.setenv("FRAUD_HOME", str(tmp_path))
    monkeypatch.delenv("FRAUD_BOOTSTRAP_SERVERS", raising=False)
    first = find_free_port(following=7)
    for variable, offset in {
        "FRAUD_KAFKA_PORT": 0,
        "FRAUD_MONITOR_PORT": 4,
        "FRAUD_METRICS_PORT": 5,
        "FRAUD_API_PORT": 7,
    }.items():
        monkeypatch.setenv(variable, str(first + offset))
    return lambda: Job(
        Settings.from_environment(), tmp_path / "rows.csv", 0, False, None, Console(quiet=True)
    )


def test_only_one_demo_runs_per_home(tmp_path):
    with hold_lock(tmp_path):
        with (
            pytest.raises(CommandError, match=r"another demo is up \(pid \d+\)"),
            hold_lock(tmp_path),
        ):
            pass
        with hold_lock(tmp_path / "other"):
            pass
    with hold_lock(tmp_path):
        pass


def test_a_folder_that_cannot_be_locked_is_named(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(processes.fcntl, "flock", flock)
    with (
        pytest.raises(
            CommandError, match=r"cannot lock .*demo/lock \(No locks available\): set FRAUD_HOME"
        ),
        hold_lock(tmp_path),
    ):
        pass


@pytest.mark.parametrize(
    "offset", [0, 3, 5, 6, 7]
)  # Kafka's, its controller's, the workers', the API's
def test_duplicate_ports_are_refused_before_anything_starts(demo, monkeypatch, offset):
    demo()._refuse_ports()
    monkeypatch.setenv("FRAUD_MONITOR_PORT", str(Settings.from_environment().kafka_port + offset))
    with pytest.raises(CommandError, match="has two uses"):
        demo()._refuse_ports()


@pytest.fixture
def waits(demo, monkeypatch):
    """Wait through looks of (records waiting, processor time of the report), a minute each.

    Return the number of looks.
    """

    def wait(looks):
        now, seen = iter(range(0, 10**6, 60)), []
        clock = SimpleNamespace(monotonic=lambda: seen[-1][2], sleep=lambda _: None)
        source = iter(looks)

        def waiting(*_):
            seen.append((*next(source), next(now)))
            return seen[-1][0]

        monkeypatch.setattr(job, "time", clock)
        monkeypatch.setattr(job, "_count_waiting", waiting)
        running = SimpleNamespace(check=lambda: None, sum_cpu_seconds=lambda _: seen[-1][1])
        demo()._wait_for_both(running, None, None, "the last window")
        return len(seen)

    return wait


def test_the_demo_waits_for_a_slow_report(waits):
    scored = [(0, 0.0)]
    slow = [(500, 0.1 * minute) for minute in range(20)]
    assert waits([*scored, *slow, (0, 2.0)]) == 22


def test_the_wait_ends_without_progress(waits):
    with pytest.raises(
        CommandError,
        match="fraud-monitor has made no progress for 120 s, 500 records of predictions are",
    ):
        waits(chain([(0, 0.0), (800, 0.0), (500, 1.0)], repeat((500, 1.0))))


def test_the_processor_time_is_that_of_all_descendants(tmp_path):
    # the child ends with its parent, whose pipe it reads
    child = "import sys, time\nwhile time.process_time() < 0.3: pass\nsys.stdin.read()"
    parent = (
        "import subprocess, sys; "
        f"subprocess.Popen([sys.executable, '-c', {child!r}], stdin=subprocess.PIPE).wait()"
    )
    running = Processes(tmp_path, {}, SimpleNamespace(hold=nullcontext))
    with subprocess.Popen([sys.executable, "-c", parent]) as monitor:
        try:
            running._running["monitor"] = monitor
            wait_for(
                lambda: running.sum_cpu_seconds("monitor") >= 0.2,
                30,
                "the child's processor time is counted",
            )
        finally:
            running.stop()


@pytest.fixture
def run_demo(monkeypatch, run_fraud, tmp_path):
    """Run `fraud demo --exit` with a job that does nothing; return stdout and stderr."""
    (tmp_path / "rows.csv").touch()
    for variable, path in {
        "FRAUD_HOME": tmp_path,
        "FRAUD_DATA": tmp_path / "rows.csv",
        "FRAUD_MODEL_DIR": tmp_path,
    }.items():
        monkeypatch.setenv(variable, str(path))
    summary = SimpleNamespace(
        write=lambda _: None,
        show=lambda console: console.print("the summary"),
        as_dict=lambda: {"lost": 0},
        audit=SimpleNamespace(complete=True),
    )

    def run(job, _):
        job._say("working")
        return summary

    monkeypatch.setattr(Job, "run", run)
    monkeypatch.setattr(processes, "end_children", lambda: None)  # those of the tests
    monkeypatch.setattr("infra.interrupts.Interrupts", lambda: SimpleNamespace(ignore=lambda: None))

    def demo(*arguments):
        code, *shown = run_fraud("demo", "--exit", *arguments)
        assert code == 0
        return tuple(shown)

    return demo


def test_a_quiet_demo_prints_only_its_summary(run_demo):
    assert run_demo() == ("working\nthe summary\nstopping everything\n", "")
    assert run_demo("--quiet") == ("the summary\n", "")
    assert run_demo("--quiet", "--json") == ('{"lost": 0}\n', "")


def test_the_error_of_an_ended_process_quotes_its_last_line(tmp_path):
    running = Processes(tmp_path, {}, SimpleNamespace(hold=nullcontext))
    running.start("scorer", ["nope"], [])
    running._running["scorer"].wait(30)
    with pytest.raises(CommandError) as error:
        running.check()
    log = tmp_path / "logs" / "scorer.log"
    *_, last = log.read_text().splitlines()
    assert last.startswith("fraud: No such command 'nope'")
    assert str(error.value) == f"scorer ended with exit code 2 ({last}); see {log}"
    assert error.value.__notes__ == [log.read_text().rstrip()]
