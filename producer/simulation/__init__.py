"""Transactions that look like the data without being any of it: seeded, endless, disturbed where one asks for it."""

from producer.simulation.disturbance import Disturbance
from producer.simulation.parameters import Parameters
from producer.simulation.simulate import Chunk, Settings, simulate

__all__ = ["Chunk", "Disturbance", "Parameters", "Settings", "simulate"]
