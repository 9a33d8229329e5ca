"""Start, watch and stop the demo's processes, and those that a killed demo left."""

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from cli.errors import CommandError
from infra.image.ready import is_ready
from infra.interrupts import Interrupts
from infra.processes import end_trees
from model.files import write_atomically

_READY_S = 60
_STOP_S = 8  # each promises an exit within 5 s of SIGTERM
_POLL_S = 0.1
_SHOWN_LOG_LINES = 12  # with --debug


@dataclass(frozen=True)
class Started:
    """A process as recorded on disk; the creation time rules out a later one with the same pid."""

    pid: int
    created: float
    command: str
    ports: list[int]


class Processes:
    """Runs `fraud` commands in new sessions, so that Ctrl-C reaches only the demo."""

    def __init__(self, home: Path, environment: dict[str, str], interrupts: Interrupts) -> None:
        self._notes = home / "demo" / "processes.json"
        self._logs = home / "logs"
        self._environment = environment
        self._interrupts = interrupts
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._started: list[Started] = []

    def end_leftovers(self) -> int:
        """Stop the processes that a killed demo left, and return how many."""
        ended = 0
        for noted in self._read_notes():
            try:
                if psutil.Process(noted.pid).create_time() != noted.created:
                    continue
            except psutil.NoSuchProcess:
                continue
            end_trees([noted.pid], _STOP_S)
            ended += 1
        self._notes.unlink(missing_ok=True)
        return ended

    def start(self, name: str, arguments: list[str], ports: list[int]) -> None:
        """Start `fraud <arguments>`, with output to logs/<name>.log."""
        self._logs.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "cli.main", *arguments]
        with self._interrupts.hold(), self._log(name).open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )
            self._running[name] = process
            created = psutil.Process(process.pid).create_time()
            self._started.append(
                Started(process.pid, created, f"fraud {' '.join(arguments)}", ports)
            )
            self._note()

    def wait_until_ready(self, name: str, ports: list[int]) -> None:
        """Wait until /ready answers on each port.

        Raises CommandError if the process dies or takes too long.
        """
        deadline = time.monotonic() + _READY_S
        while not all(is_ready(port) for port in ports):
            self.check()
            if time.monotonic() > deadline:
                raise self._make_error(name, f"was not ready within {_READY_S} s")
            time.sleep(_POLL_S)

    def check(self) -> None:
        """Raise CommandError if one has died."""
        for name, process in self._running.items():
            if process.poll() is not None:
                raise self._make_error(name, f"ended with exit code {process.returncode}")

    def sum_cpu_seconds(self, name: str) -> float:
        """Return the CPU seconds used by its children, which use none when idle."""
        seconds = 0.0
        for process in psutil.Process(self._running[name].pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                used = process.cpu_times()
                seconds += used.user + used.system
        return seconds

    def stop(self) -> None:
        """Stop all, the last started first, and wait for them."""
        last_first = reversed(self._running.values())
        end_trees((process.pid for process in last_first if process.poll() is None), _STOP_S)
        self._running.clear()
        self._notes.unlink(missing_ok=True)

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _make_error(self, name: str, what: str) -> CommandError:
        """Return an error with the last line of its log, and earlier lines as a note."""
        lines = self._log(name).read_text(errors="replace").splitlines()[-_SHOWN_LOG_LINES:]
        error = CommandError(
            f"{name} {what}{f' ({lines[-1].strip()})' if lines else ''}; see {self._log(name)}"
        )
        error.add_note("\n".join(lines))
        return error

    def _note(self) -> None:
        started = [asdict(process) for process in self._started]
        write_atomically(self._notes, json.dumps(started, allow_nan=False))

    def _read_notes(self) -> list[Started]:
        try:
            return [Started(**entry) for entry in json.loads(self._notes.read_text())]
        except (FileNotFoundError, ValueError, TypeError):  # none, or unreadable
            return []


def end_children() -> None:
    """Stop all remaining children: an interrupt may come between a start and its record."""
    end_trees((child.pid for child in psutil.Process().children()), _STOP_S)


@contextmanager
def hold_lock(home: Path) -> Iterator[None]:
    """Allow one demo per home at a time, by a lock that ends with the process.

    Raises CommandError.
    """
    path = home / "demo" / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CommandError(
                f"another demo is up (pid {lock.read()}): "
                "stop it with Ctrl-C, or set FRAUD_HOME to another folder"
            ) from None
        except OSError as error:
            raise CommandError(
                f"cannot lock {path} ({error.strerror}): set FRAUD_HOME to a folder on a local disk"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
