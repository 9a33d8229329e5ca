"""Write simulated payments as CSV or Parquet, with the columns of the schema `cards`."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from producer.simulation.cards import texts
from producer.simulation.cards.disturbances import MISSING
from producer.simulation.cards.numbers import hash_numbers
from producer.simulation.cards.payment import LEGITIMATE, PATTERNS
from producer.simulation.cards.places import NAMES
from producer.simulation.cards.population import Population
from producer.simulation.cards.simulate import Chunk
from producer.simulation.tables import write_tables

PARQUET = ".parquet"
_PLAIN = pyarrow.csv.WriteOptions(quoting_style="none", quoting_header="none")
_VALUES = {name: pa.array(values) for name, values in NAMES.items()}
_PATTERNS = pa.array([None if name == LEGITIMATE else name for name in PATTERNS])


def write(
    chunks: Iterable[Chunk], path: Path, progress: Callable[[int], None] = lambda _: None
) -> int:
    """Write the payments, Parquet if the name ends so and CSV otherwise; return their number.

    Missing values are empty. `labelled_at` and `fraud_pattern` are empty for legitimate payments.
    Raise DataError if `path` cannot be written.
    """
    open_writer = pyarrow.parquet.ParquetWriter if path.suffix == PARQUET else _open_csv
    return write_tables(map(make_table, chunks), path, open_writer, progress)


def make_table(chunk: Chunk) -> pa.Table:
    """Return the payments as columns of text, except amount, a decimal, and is_fraud."""
    payments = chunk.payments
    names = _name_population(chunk.population)
    rows = chunk.first + np.arange(len(payments))
    legitimate = payments["pattern"] == 0
    device = payments["device"]
    address = payments["ip"]
    columns = {
        "transaction_id": texts.name_hashes("tx-", hash_numbers(chunk.population.seed, rows), 16),
        "event_time": texts.format_times(payments["time"]),
        "account_id": names["account"].take(pa.array(payments["account"])),
        "merchant_id": names["merchant"].take(pa.array(payments["merchant"])),
        "terminal_id": names["terminal"].take(
            pa.array(payments["terminal"], mask=payments["terminal"] < 0)
        ),
        "device_id": texts.hide(texts.name_hashes("dev-", device, 12), device == 0),
        "amount": texts.format_cents(payments["cents"], payments["cents"] == MISSING),
    }
    columns |= {name: values.take(pa.array(payments[name])) for name, values in _VALUES.items()}
    columns |= {
        "ip": texts.hide(texts.format_addresses(address.astype(np.int64)), address == 0),
        "is_fraud": pa.array((~legitimate).astype("i1")),
        "labelled_at": texts.hide(texts.format_times(payments["labelled"]), legitimate),
        "fraud_pattern": _PATTERNS.take(pa.array(payments["pattern"])),
    }
    return pa.table(columns)


def _open_csv(file: Any, schema: pa.Schema) -> Any:
    return pyarrow.csv.CSVWriter(file, schema, write_options=_PLAIN)


@lru_cache(maxsize=1)
def _name_population(population: Population) -> dict[str, pa.Array]:
    """Return the ids of accounts, merchants and terminals, by number."""
    merchants = population.merchants
    return {
        "account": texts.ACCOUNTS.make_first(len(population.customers.home)),
        "merchant": texts.MERCHANTS.make_first(len(merchants.category)),
        "terminal": texts.TERMINALS.make_first(int(merchants.terminals.sum())),
    }
