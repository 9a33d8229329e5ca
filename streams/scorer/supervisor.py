"""Runs N worker processes and restarts those that die.

The pause before a restart doubles each time. After MAX_DEATHS within DEATHS_WITHIN_S the supervisor
gives up, because restarting does not help. Workers that die together, of one cause, count as one
death. An outage of the broker does not count: a worker waits for the broker, or exits with
AFTER_OUTAGE. A worker that cannot be started again, because the model file was damaged, does not
stop those that hold a good model.
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

from streams.kafka.errors import AFTER_OUTAGE, CANNOT_START, DO_NOT_RESTART, FAILED, HOPELESS

log = logging.getLogger(__name__)

MAX_DEATHS = 5
DEATHS_WITHIN_S = 60.0
# Workers that die within this time die of one cause, such as a kill -9 of all: a restarted worker
# needs 2.2 s before it works (docs/performance.md), so it cannot have died again. One that does
# counts twice.
_TOGETHER_S = 1.0
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0
_REPAIR_PAUSE_S = 30.0  # somebody has to restore a file or free a port
_STOP_S = 6.0  # a worker promises to exit within 5
# a worker's exit code that ends all workers -> the supervisor's
_STOPS_ALL = {DO_NOT_RESTART: DO_NOT_RESTART, HOPELESS: FAILED}

WorkerTarget = Callable[[int, int], None]  # (worker number, restarts so far)


@dataclass
class _Slot:
    """One worker's process, or when (`due`, monotonic seconds) to start the next one."""

    number: int
    process: SpawnProcess | None = None
    restarts: int = -1
    due: float = 0.0
    died: float = -math.inf
    pause: float = _FIRST_PAUSE_S


def stop_with_parent() -> None:
    """Send this process SIGTERM once its parent process is gone, however that died."""
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
        # when each death that counts began
        self._deaths: deque[float] = deque(maxlen=MAX_DEATHS)
        self._stopping = False
        self._wake_read, self._wake_write = os.pipe()
        self._context = multiprocessing.get_context("spawn")

    def run(self) -> int:
        """Run until SIGTERM or SIGINT, and return the exit code.

        That is 0 after a signal; DO_NOT_RESTART if a worker exits with it, or with CANNOT_START at
        its first start or while no other runs; FAILED if a worker exits with HOPELESS or after too
        many deaths.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        code = 0
        while not self._stopping and not code:
            self._start_due()
            wait(
                [slot.process.sentinel for slot in self._slots if slot.process] + [self._wake_read],
                self._find_next_start(),
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

    def _find_next_start(self) -> float | None:
        due = [slot.due for slot in self._slots if slot.process is None]
        return max(min(due) - monotonic(), 0.0) if due else None

    def _reap(self, slot: _Slot) -> int:
        """Clear the slot of a dead worker. Return the exit code if all have to stop, or 0."""
        if self._stopping or slot.process is None or slot.process.is_alive():
            return 0
        code = slot.process.exitcode
        slot.process = None
        if code in _STOPS_ALL:
            return _STOPS_ALL[code]
        if code == CANNOT_START:
            return self._postpone(slot)
        if code == AFTER_OUTAGE:
            log.warning("worker %d lost contact with Kafka; restarting it", slot.number)
            slot.due = monotonic() + _FIRST_PAUSE_S
            return 0
        if self._count_death(slot):
            return FAILED
        log.warning(
            "worker %d ended with exit code %s; restarting it in %.1f s",
            slot.number,
            code,
            slot.pause,
        )
        return 0

    def _postpone(self, slot: _Slot) -> int:
        """Schedule the start of a worker that cannot start now, unless it never did."""
        running = sum(other.process is not None for other in self._slots)
        if not slot.restarts or not running:
            return DO_NOT_RESTART
        slot.due = monotonic() + _REPAIR_PAUSE_S
        log.error(
            "worker %d cannot start, the other %d go on; trying again in %.0f s",
            slot.number,
            running,
            _REPAIR_PAUSE_S,
        )
        return 0

    def _count_death(self, slot: _Slot) -> bool:
        """Schedule the restart of a worker that died. Return whether it is one death too many."""
        now = monotonic()
        last = self._deaths[-1] if self._deaths else -math.inf
        if now - last > _TOGETHER_S or slot.died >= last:
            self._deaths.append(now)
        slot.died = now
        if len(self._deaths) == MAX_DEATHS and now - self._deaths[0] < DEATHS_WITHIN_S:
            log.error("workers died %d times within %.0f s: giving up", MAX_DEATHS, DEATHS_WITHIN_S)
            return True
        is_first = now - last > DEATHS_WITHIN_S
        slot.pause = _FIRST_PAUSE_S if is_first else min(slot.pause * 2, _LONGEST_PAUSE_S)
        slot.due = now + slot.pause
        return False

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
