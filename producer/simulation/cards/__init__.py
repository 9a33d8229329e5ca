"""Simulate card payments of the schema `cards`: seeded, with histories and named fraud patterns.

`places` holds the constants and `population` the customers and merchants. `habits` makes legitimate
payments, `fraudsters` plans frauds, which `episodes` and `incidents` make, and `labels` says when
they become known. `simulate` puts all of it into time order. `output` writes it to a file, and
`sending` turns it into messages.
"""

from producer.simulation.cards.disturbances import parse
from producer.simulation.cards.output import write
from producer.simulation.cards.simulate import CardOptions, simulate

__all__ = ["CardOptions", "parse", "simulate", "write"]
