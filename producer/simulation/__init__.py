"""Simulate transactions that resemble the data: seeded, endless, with disturbances on request."""

from producer.simulation.disturbance import Disturbance
from producer.simulation.parameters import Parameters
from producer.simulation.simulate import Chunk, SimulationOptions, simulate

__all__ = ["Chunk", "Disturbance", "Parameters", "SimulationOptions", "simulate"]
