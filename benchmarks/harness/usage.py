"""CPU and memory of a process tree, measured from outside."""

from time import monotonic

import psutil

_MIB = 2**20
_FAMILY_S = 1.0  # listing a process's children scans every process on the machine


class ProcessTree:
    """A process and its descendants. A process that exits keeps its last known CPU time."""

    def __init__(self, root: psutil.Process) -> None:
        self._root = root
        self._family = [root]
        self._family_at = 0.0
        self._cpu: dict[int, float] = {}
        self.peak_mib = 0.0
        """The largest resident set of a single process."""
        self.peak_total_mib = 0.0
        """The largest sum of resident sets; shared pages count once per process."""

    def sample(self) -> float:
        """Return the CPU seconds, user and system, used by all of them so far."""
        resident = [0.0]
        for process in self._list_members():
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    resident.append(process.memory_info().rss / _MIB)
            except psutil.Error:  # it has just exited
                continue
            self._cpu[process.pid] = times.user + times.system
        self.peak_mib = max(self.peak_mib, *resident)
        self.peak_total_mib = max(self.peak_total_mib, sum(resident))
        return sum(self._cpu.values())

    def _list_members(self) -> list[psutil.Process]:
        if monotonic() - self._family_at > _FAMILY_S:
            self._family_at = monotonic()
            try:
                self._family = [self._root, *self._root.children(recursive=True)]
            except psutil.NoSuchProcess:
                self._family = []
        return self._family
