"""Simulated card payments as a data frame."""

import pyarrow as pa

from producer.simulation.cards import simulate
from producer.simulation.cards.output import make_table


def simulate_table(options, disturbances=()):
    tables = [make_table(chunk) for chunk in simulate(options, disturbances)]
    table = pa.concat_tables(tables).to_pandas()
    return table.astype({"amount": float})
