"""CPU and memory of a tree of processes, seen from outside."""

from time import monotonic

import psutil

_MIB = 2**20
_FAMILY_S = 1.0  # to find the children of a process, all of the machine's are gone through


class Tree:
    """A process and all that it has started. What has ended keeps the CPU time that it was last seen with."""

    def __init__(self, root: psutil.Process) -> None:
        self._root = root
        self._family = [root]
        self._family_at = 0.0
        self._cpu: dict[int, float] = {}
        self.peak_mib = 0.0
        """The largest resident set of one process."""
        self.peak_total_mib = 0.0
        """The largest sum of resident sets; pages that processes share count for each."""

    def look(self) -> float:
        """CPU seconds used up to now, user and system, by all of them."""
        resident = [0.0]
        for process in self._known():
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    resident.append(process.memory_info().rss / _MIB)
            except psutil.Error:  # it has just ended
                continue
            self._cpu[process.pid] = times.user + times.system
        self.peak_mib = max(self.peak_mib, *resident)
        self.peak_total_mib = max(self.peak_total_mib, sum(resident))
        return sum(self._cpu.values())

    def _known(self) -> list[psutil.Process]:
        if monotonic() - self._family_at > _FAMILY_S:
            self._family_at = monotonic()
            try:
                self._family = [self._root, *self._root.children(recursive=True)]
            except psutil.NoSuchProcess:
                self._family = []
        return self._family
