"""A monitor that kills itself at one point: python dying_monitor.py SERVERS PREFIX FOLDER POINT NTH [SECONDS].

POINT: transaction (event and offsets are in an open transaction), report (they are visible, the report is not begun), committed (nobody
was told); it dies there the NTH time. POINT alarm: it dies NTH milliseconds after its first report, wherever it is.
POINT never: it runs until it is terminated. SECONDS: of event time in a window, instead of SIZE predictions.
"""

import os
import signal
import sys
from datetime import timedelta
from itertools import count
from pathlib import Path

from confluent_kafka import Producer
from support.monitoring import SIZE, Running

import drift.committer
from streams.kafka.connection import Connection


def main() -> None:
    servers, prefix, folder, point, nth, *length = sys.argv[1:]
    times = count(1)

    def reached(here: str) -> None:
        if point == "alarm" and next(times) == 1:
            signal.setitimer(
                signal.ITIMER_REAL, int(nth) / 1000
            )  # nobody handles this signal: the kernel ends the process
        if here == point and next(times) == int(nth):
            os.kill(os.getpid(), signal.SIGKILL)

    class DyingProducer(Producer):
        def commit_transaction(self, *arguments):
            reached("transaction")
            super().commit_transaction(*arguments)

    class TellsNobody(list):
        def append(self, window):
            reached("committed")

    drift.committer.Producer = DyingProducer
    size = timedelta(seconds=float(length[0])) if length else SIZE
    running = Running(Connection(servers, topic_prefix=prefix), Path(folder), size=size)
    running.writer.on_write = lambda path: reached("report")
    running.monitor.closed = TellsNobody().append
    signal.signal(signal.SIGTERM, lambda *_: running.stop.set())
    running.monitor.run(running.stop)


if __name__ == "__main__":
    main()
