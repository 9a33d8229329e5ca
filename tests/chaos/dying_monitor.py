"""Run a monitor that kills itself.

    python dying_monitor.py SERVERS PREFIX FOLDER POINT NTH [SECONDS]

It dies when it reaches POINT for the NTH time:

- transaction: event and offsets are in an open transaction
- committed: they are visible, but the window has not been passed on
- report: they are visible, but the report has not been started

At POINT alarm, it dies NTH milliseconds after its first report instead, wherever it is. At POINT
never, it runs until it is terminated. A window lasts SECONDS of event time, or by default SIZE
predictions.
"""

import os
import signal
import sys
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path

from confluent_kafka import Producer
from support.monitoring import SIZE, Running

import drift.monitor
from drift.committer import WindowCommitter
from streams.kafka.connection import Connection


def main() -> None:
    servers, prefix, folder, point, nth, *length = sys.argv[1:]
    times = count(1)

    def reach(here: str) -> None:
        if point == "alarm" and next(times) == 1:
            # no handler is installed for SIGALRM: the kernel ends the process
            signal.setitimer(signal.ITIMER_REAL, int(nth) / 1000)
        if here == point and next(times) == int(nth):
            os.kill(os.getpid(), signal.SIGKILL)

    class DyingProducer(Producer):
        def commit_transaction(self, *arguments):
            reach("transaction")
            super().commit_transaction(*arguments)

    drift.monitor.WindowCommitter = partial(WindowCommitter, client=DyingProducer)
    size = timedelta(seconds=float(length[0])) if length else SIZE
    running = Running(Connection(servers, topic_prefix=prefix), Path(folder), size=size)
    running.writer.on_write = lambda path: reach("report")
    running.monitor.on_window_closed = lambda window: reach("committed")
    signal.signal(signal.SIGTERM, lambda *_: running.stop.set())
    running.monitor.run(running.stop)


if __name__ == "__main__":
    main()
