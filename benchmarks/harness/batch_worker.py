"""The `fraud` command with a different maximum batch size.

Run: BENCH_MAX_BATCH=256 python -m benchmarks.harness.batch_worker score

The limit also applies to workers, because a spawned process imports this module first.
"""

import os

from cli.main import main
from streams.scorer import batch

batch.MAX_BATCH = int(os.environ["BENCH_MAX_BATCH"])

if __name__ == "__main__":
    main()
