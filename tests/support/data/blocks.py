"""Blocks of `history`."""

import numpy as np

from streams.history.block import Block


def make_block(rows=3, fields=("card_id", "merchant_id"), first=100, **changes):
    numbers = np.arange(rows, dtype=np.int64)
    block = Block(
        partition=4,
        first=first,
        end=first + 2 * rows,
        schema="cards@0123456789ab",
        applied={0: 7, 4: first},
        labels={2: 5},
        batch={0: 9, 4: first + 2 * rows},
        decimals=2,
        written=5,
        previous=4,
        offsets=first + 2 * numbers,
        times=1_700_000_000_000 + numbers,
        amounts=-5 * numbers,
        hashes={name: numbers.astype(np.uint64) + np.uint64(2**63) for name in fields},
    )
    return block._replace(**changes)
