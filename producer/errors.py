"""Errors of the producer. Each message says what is wrong and what to do.

ProducerError
  DataError        a file cannot be fetched, verified or read
  ReplayError      records cannot be sent or were not delivered
  SimulationError  a disturbance cannot be parsed or applied
"""


class ProducerError(Exception):
    """Base class of the expected errors."""


class DataError(ProducerError):
    """A file cannot be fetched, verified or read."""


class ReplayError(ProducerError):
    """Records cannot be sent or were not delivered."""


class SimulationError(ProducerError):
    """A disturbance cannot be parsed or applied."""
