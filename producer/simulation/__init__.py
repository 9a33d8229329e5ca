"""Simulate transactions that resemble the data: seeded, endless, with disturbances on request."""

from producer.simulation.disturbance import Disturbance
from producer.simulation.parameters import Parameters
from producer.simulation.simulate import Chunk, Settings, simulate

__all__ = ["Chunk", "Disturbance", "Parameters", "Settings", "simulate"]
