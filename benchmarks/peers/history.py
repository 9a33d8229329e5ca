"""Five features of an account's payments as one writes them first: a deque for each window.

They are the count and the sum of the last day and of the last 30 days, and ms since the last
payment. It takes no late payments and cannot take anything back.
"""

import json
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

DAY_MS = 86_400_000
WINDOWS_MS = (DAY_MS, 30 * DAY_MS)
BATCH = 4096

Payment = tuple[str, int, int]
"""Account, event time in ms, minor units."""
Features = tuple[int, int, int, int, int]


class Account:
    """The payments of one account."""

    def __init__(self) -> None:
        self.windows: tuple[deque[tuple[int, int]], ...] = (deque(), deque())
        self.sums = [0, 0]
        self.last = -1

    def add(self, at: int, amount: int) -> Features:
        """Return the features of a payment, which counts for the next ones."""
        for number, window in enumerate(self.windows):
            window.append((at, amount))
            self.sums[number] += amount
            while window[0][0] <= at - WINDOWS_MS[number]:
                self.sums[number] -= window.popleft()[1]
        since = at - self.last if self.last >= 0 and at - self.last < WINDOWS_MS[1] else -1
        self.last = at
        day, month = self.windows
        return len(day), self.sums[0], len(month), self.sums[1], since


def read_payments(path: Path) -> list[Payment]:
    """Return payments from an .npy file of int64[rows, 3], the account as text."""
    rows = np.load(path).tolist()
    return [(f"a{account:08d}", at, amount) for account, at, amount in rows]


def measure(
    payments: list[Payment], apply: Callable[[list[Payment]], Iterable[Features]]
) -> tuple[float, int]:
    """Return the CPU in us a payment, and a checksum of the features."""
    spent = 0.0
    total = 0
    for first in range(0, len(payments), BATCH):
        batch = payments[first : first + BATCH]
        started = time.process_time()
        features = apply(batch)
        spent += time.process_time() - started
        total += add_up(features)
    return 1e6 * spent / len(payments), total


def add_up(features: Iterable[Features]) -> int:
    """Return the sum of all counts and sums: equal for systems that find the same."""
    return sum(sum(each[:4]) for each in features)


def report(us: float, total: int) -> None:
    """Print a peer's result for the process that started it."""
    json.dump([us, total], sys.stdout)
