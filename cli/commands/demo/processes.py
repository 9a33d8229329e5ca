"""The processes that the demo starts: their logs, their readiness, their end, and the ends of those that a killed demo left."""

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
    """One process as it is noted on disk; the creation time tells it from a later one with the same pid."""

    pid: int
    created: float
    command: str
    ports: list[int]


class Processes:
    """Starts `fraud` commands in sessions of their own, so that Ctrl-C reaches the demo alone, which ends them in order."""

    def __init__(self, home: Path, environment: dict[str, str], interrupts: Interrupts) -> None:
        self._notes = home / "demo" / "processes.json"
        self._logs = home / "logs"
        self._environment = environment
        self._interrupts = interrupts
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._started: list[Started] = []

    def end_leftovers(self) -> int:
        """Ends what an earlier demo, killed before it could, has left running; returns how many."""
        ended = 0
        for noted in self._noted():
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
        """Starts `fraud <arguments>`; its output goes to logs/<name>.log."""
        self._logs.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "cli.main", *arguments]
        with self._interrupts.held(), self._log(name).open("wb") as log:
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
        """Until /ready answers on each port. Raises CommandError when the process dies or takes too long."""
        deadline = time.monotonic() + _READY_S
        while not all(is_ready(port) for port in ports):
            self.check()
            if time.monotonic() > deadline:
                raise self._failure(name, f"was not ready within {_READY_S} s")
            time.sleep(_POLL_S)

    def check(self) -> None:
        """Raises CommandError when one has died."""
        for name, process in self._running.items():
            if process.poll() is not None:
                raise self._failure(name, f"ended with exit code {process.returncode}")

    def cpu_seconds_below(self, name: str) -> float:
        """What the processes that it started have used of the processors so far: none of them uses any when it has nothing to do."""
        seconds = 0.0
        for process in psutil.Process(self._running[name].pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                used = process.cpu_times()
                seconds += used.user + used.system
        return seconds

    def stop(self) -> None:
        """Ends all, last started first, and waits for them."""
        last_first = reversed(self._running.values())
        end_trees((process.pid for process in last_first if process.poll() is None), _STOP_S)
        self._running.clear()
        self._notes.unlink(missing_ok=True)

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _failure(self, name: str, what: str) -> CommandError:
        """With the last line of its log, which says why where it ended by itself; the lines before it are shown with the trace."""
        lines = self._log(name).read_text(errors="replace").splitlines()[-_SHOWN_LOG_LINES:]
        error = CommandError(
            f"{name} {what}{f' ({lines[-1].strip()})' if lines else ''}; see {self._log(name)}"
        )
        error.add_note("\n".join(lines))
        return error

    def _note(self) -> None:
        started = [asdict(process) for process in self._started]
        write_atomically(self._notes, json.dumps(started, allow_nan=False))

    def _noted(self) -> list[Started]:
        try:
            return [Started(**entry) for entry in json.loads(self._notes.read_text())]
        except (FileNotFoundError, ValueError, TypeError):  # none, or cut off while it was written
            return []


def end_children() -> None:
    """Ends every process that is still a child of this one: an interrupt may come between a start and its note."""
    end_trees((child.pid for child in psutil.Process().children()), _STOP_S)


@contextmanager
def hold_lock(home: Path) -> Iterator[None]:
    """One demo a home at a time; the lock goes with the process, however that ends. Raises CommandError when another one is up."""
    path = home / "demo" / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CommandError(
                f"another demo is up (pid {lock.read()}): stop it with Ctrl-C, or set FRAUD_HOME to another folder"
            ) from None
        except OSError as error:
            raise CommandError(
                f"{path} cannot be locked ({error.strerror}): set FRAUD_HOME to a folder on a local disk"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
