"""`python -m benchmarks.batch_worker LIMIT`: one worker of `fraud score` whose batches hold at most LIMIT records."""

import sys

from cli.score import run_worker
from cli.settings import Settings
from streams import source

if __name__ == "__main__":
    source.MAX_BATCH = int(sys.argv[1])
    run_worker(Settings.from_environment(), 0, 0)
