"""A schema with the history of accounts and shops, and blocks of their payments."""

from pathlib import Path

import numpy as np

from payments.schema.reading import parse_schema
from streams.history.block import Block

SCHEMA = parse_schema(
    """
name = "small"
roles = { id = "id", time = "at", key = "account", amount = "paid" }
[fields]
id = { type = "id" }
at = { type = "time" }
paid = { type = "amount" }
account = { type = "entity" }
shop = { type = "entity", optional = true }
[features]
numbers = ["paid"]
[[features.velocity]]
entity = "account"
windows = ["1h", "3d"]
measures = ["count", "sum", "max"]
distinct = "shop"
[[features.velocity]]
entity = "shop"
windows = ["1d"]
measures = ["count", "mean"]
since_last = true
""",
    "small.toml",
    Path(),
)


def make_shop_block(partition, first, end, **changes):
    """A block with one payment at each offset, a minute apart."""
    rows = end - first
    block = Block(
        partition=partition,
        first=first,
        end=end,
        schema=SCHEMA.reference,
        applied={},
        labels={},
        batch={partition: end},
        decimals=2,
        written=1,
        previous=0,
        offsets=np.arange(first, end, dtype=np.int64),
        times=np.arange(first, end, dtype=np.int64) * 60_000,
        amounts=np.full(rows, 100, np.int64),
        hashes={name: np.full(rows, 7, np.uint64) for name in ("account", "shop")},
    )
    return block._replace(**changes)
