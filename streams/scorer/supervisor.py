"""Runs N worker processes, and starts again those that die.

A worker that dies comes back after a pause that doubles; MAX_DEATHS within DEATHS_WITHIN_S end the whole, for then starting again does
not help. Workers that die together, of one cause, count as one death. An outage of the broker counts as none: a worker waits for it, or
ends with AFTER_OUTAGE.
"""

import logging
import math
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from time import monotonic
from types import FrameType

log = logging.getLogger(__name__)

MAX_DEATHS = 5
DEATHS_WITHIN_S = 60.0
# Workers that die within so long die of one cause, a kill -9 of all for instance: one that is started again works after 2.6 s at the
# earliest (docs/performance.md), so none of them has had another life meanwhile. One that dies twice has, and counts twice.
_TOGETHER_S = 1.0
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0
_STOP_S = 6.0  # a worker promises 5
DO_NOT_RESTART = 3
AFTER_OUTAGE = (
    4  # a worker's exit code: Kafka was out of reach, and a new process is to go on; no failure
)
HOPELESS = 5  # a worker's exit code: the whole failed, as when rights are refused; it has said why, and the next one would fail alike

WorkerTarget = Callable[[int, int], None]  # (worker number, restarts so far)


@dataclass
class _Slot:
    """One worker's place: its process, or when to start the next one."""

    number: int
    process: SpawnProcess | None = None
    restarts: int = -1
    due: float = 0.0
    died: float = -math.inf
    pause: float = _FIRST_PAUSE_S


def stop_with_parent() -> None:
    """Sends this process SIGTERM when the one that spawned it is gone, however it died."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_terminate_after, args=(parent.sentinel,), daemon=True).start()


def _terminate_after(sentinel: int) -> None:
    wait([sentinel])
    os.kill(os.getpid(), signal.SIGTERM)


class Supervisor:
    """Keeps `workers` processes running `target` until SIGTERM or SIGINT."""

    def __init__(self, target: WorkerTarget, workers: int) -> None:
        self._target = target
        self._slots = [_Slot(number) for number in range(workers)]
        self._deaths: deque[float] = deque(
            maxlen=MAX_DEATHS
        )  # when each began, of those that count
        self._stopping = False
        self._wake_read, self._wake_write = os.pipe()
        self._context = multiprocessing.get_context("spawn")

    def run(self) -> int:
        """The exit code: 0 when it was told to stop, 3 when a worker says that restarting is wrong, 1 when it says that there is no hope
        or after too many deaths."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        code = 0
        while not self._stopping and not code:
            self._start_due()
            wait(
                [slot.process.sentinel for slot in self._slots if slot.process] + [self._wake_read],
                self._until_next_start(),
            )
            code = max((self._reap(slot) for slot in self._slots), default=0)
        self._stop_all()
        return code

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True
        os.write(self._wake_write, b"x")

    def _start_due(self) -> None:
        for slot in self._slots:
            if slot.process is None and slot.due <= monotonic():
                slot.restarts += 1
                slot.process = self._context.Process(
                    target=self._target,
                    args=(slot.number, slot.restarts),
                    name=f"worker-{slot.number}",
                )
                slot.process.start()

    def _until_next_start(self) -> float | None:
        due = [slot.due for slot in self._slots if slot.process is None]
        return max(min(due) - monotonic(), 0.0) if due else None

    def _reap(self, slot: _Slot) -> int:
        """Takes a dead worker off its slot; the exit code that ends the whole, or 0."""
        if self._stopping or slot.process is None or slot.process.is_alive():
            return 0
        code, slot.process = slot.process.exitcode, None
        if code == DO_NOT_RESTART:
            return DO_NOT_RESTART
        if code == HOPELESS:
            return 1
        if code == AFTER_OUTAGE:
            log.warning("worker %d was out of touch with Kafka; starting it again", slot.number)
            slot.due = monotonic() + _FIRST_PAUSE_S
            return 0
        now = monotonic()
        long_ago = not self._deaths or now - self._deaths[-1] > DEATHS_WITHIN_S
        if (
            not self._deaths
            or now - self._deaths[-1] > _TOGETHER_S
            or slot.died >= self._deaths[-1]
        ):
            self._deaths.append(now)
        slot.died = now
        if len(self._deaths) == MAX_DEATHS and now - self._deaths[0] < DEATHS_WITHIN_S:
            log.error("workers died %d times within %.0f s: giving up", MAX_DEATHS, DEATHS_WITHIN_S)
            return 1
        slot.pause = _FIRST_PAUSE_S if long_ago else min(slot.pause * 2, _LONGEST_PAUSE_S)
        slot.due = now + slot.pause
        log.warning(
            "worker %d ended with exit code %s; starting it again in %.1f s",
            slot.number,
            code,
            slot.pause,
        )
        return 0

    def _stop_all(self) -> None:
        running = [slot.process for slot in self._slots if slot.process is not None]
        for process in running:
            process.terminate()
        deadline = monotonic() + _STOP_S
        for process in running:
            process.join(max(deadline - monotonic(), 0.0))
            if process.is_alive():
                process.kill()
                process.join()
