"""Yield simulated payments as rows to send, and send their labels later."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

import pyarrow as pa

from payments.files.cells import Column
from payments.schema.reading import read_schema
from producer.rows import EPOCH, Row
from producer.simulation.cards import texts
from producer.simulation.cards.output import make_table
from producer.simulation.cards.simulate import Chunk
from producer.simulation.late import EntityIds, LateLabels
from producer.templates import write_templates


def _parse_device(name: str) -> int:
    return int(name.removeprefix("dev-"), 16)


class LateCardLabels(LateLabels):
    """Labels of card payments; see LateLabels."""

    schema = "cards"
    entities: ClassVar[dict[str, EntityIds]] = {
        "account_id": EntityIds(texts.ACCOUNTS.make, texts.ACCOUNTS.parse),
        "merchant_id": EntityIds(texts.MERCHANTS.make, texts.MERCHANTS.parse),
        "terminal_id": EntityIds(texts.TERMINALS.make, texts.TERMINALS.parse),
        "device_id": EntityIds("dev-{:012x}".format, _parse_device),
    }


def make_rows(chunks: Iterable[Chunk], run: str) -> Iterator[Row]:
    """Yield rows to send, with transaction_id `<run>-<row>`. Missing fields are absent."""
    schema = read_schema("cards")
    for chunk in chunks:
        table = make_table(chunk)
        amounts = table["amount"].cast(pa.string()).cast(pa.binary())
        columns = {
            name: Column((amounts if name == "amount" else table[name]).combine_chunks(), {})
            for name in schema.fields
        }
        columns_of_rows = zip(
            ((chunk.payments["time"] - EPOCH.timestamp() * 1000) / 1000).tolist(),
            write_templates(schema, columns),
            (chunk.payments["pattern"] != 0).tolist(),
            table["account_id"].to_pylist(),
            strict=True,
        )
        for number, (time, template, is_fraud, account) in enumerate(columns_of_rows, chunk.first):
            yield Row(number, f"{run}-{number}", time, template, is_fraud, account)
