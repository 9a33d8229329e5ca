"""Write simulated transactions as a CSV in the shape of creditcard.csv, or yield rows to send."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.csv

from payments.contract import INPUTS
from producer.rows import Row, encode_inputs
from producer.simulation.simulate import Chunk
from producer.simulation.tables import write_tables

_ACCOUNT = "account-"


def make_account_id(number: int) -> str:
    """Return the name of a simulated account."""
    return f"{_ACCOUNT}{number}"


def parse_account_number(name: str) -> int:
    """Return the number of the account with this name."""
    return int(name.removeprefix(_ACCOUNT))


def write(
    chunks: Iterable[Chunk], path: Path, progress: Callable[[int], None] = lambda _: None
) -> int:
    """Write Time, V1..V28, Amount, Class and, with accounts, account_id; return the number of rows.

    Missing fields are empty. Raise DataError if `path` cannot be written.
    """
    return write_tables(map(_make_table, chunks), path, pyarrow.csv.CSVWriter, progress)


def _make_table(chunk: Chunk) -> pa.Table:
    columns = {"Time": pa.array(chunk.times)}
    columns |= {
        name: pa.array(chunk.values[:, i], from_pandas=True) for i, name in enumerate(INPUTS)
    }
    columns["Class"] = pa.array(chunk.is_fraud.astype("int8"))
    if chunk.accounts is not None:
        columns["account_id"] = pa.array(
            [make_account_id(number) for number in chunk.accounts.tolist()]
        )
    return pa.table(columns)


def make_rows(chunks: Iterable[Chunk], run: str) -> Iterator[Row]:
    """Yield rows to send, with transaction_id `<run>-<row>`. Missing fields are absent."""
    for chunk in chunks:
        accounts = (
            [None] * len(chunk.times)
            if chunk.accounts is None
            else [make_account_id(number) for number in chunk.accounts.tolist()]
        )
        table = zip(
            chunk.times.tolist(),
            chunk.values.tolist(),
            chunk.is_fraud.tolist(),
            accounts,
            strict=True,
        )
        for number, (time, values, is_fraud, account) in enumerate(table, chunk.first):
            # repr, number by number, takes twice as long
            texts = msgspec.json.encode(values)[1:-1].split(b",")
            numbers = [None if text == b"null" else text for text in texts]
            template = encode_inputs(numbers, account)
            yield Row(number, f"{run}-{number}", time, template, is_fraud, account)
