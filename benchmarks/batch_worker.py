"""`BENCH_MAX_BATCH=256 python -m benchmarks.batch_worker score`: the `fraud` command with another limit of a batch.

A worker is spawned, and a spawned process imports this module before it begins: the limit holds there too.
"""

import os

from cli.main import main
from streams.scorer import consumer

consumer.MAX_BATCH = int(os.environ["BENCH_MAX_BATCH"])

if __name__ == "__main__":
    main()
