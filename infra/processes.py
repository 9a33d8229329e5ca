"""End processes along with the processes they started."""

import signal
from collections.abc import Iterable
from contextlib import suppress

import psutil


def end_trees(pids: Iterable[int], timeout: float) -> None:
    """Terminate the processes; after `timeout` seconds, kill what is left of them and their trees.

    Only the roots are sent SIGTERM: each ends its own children in order.
    """
    roots = []
    family = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(pid)
            family += [root, *root.children(recursive=True)]
            roots.append(root)
    _signal_all(roots, signal.SIGTERM)
    _, alive = psutil.wait_procs(family, timeout)
    _signal_all(alive, signal.SIGKILL)
    psutil.wait_procs(alive, timeout)


def _signal_all(processes: Iterable[psutil.Process], number: int) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
