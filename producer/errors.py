"""What this room raises: each text says what is wrong and what to do.

ProducerError
  DataError       a CSV that cannot be had, is not what it should be, or cannot be read
  ReplayError     records that cannot be sent or were not delivered
  SimulationError a disturbance that cannot be read
"""


class ProducerError(Exception):
    """Any expected error of this room."""


class DataError(ProducerError):
    """A CSV that cannot be had, is not what it should be, or cannot be read."""


class ReplayError(ProducerError):
    """Records that cannot be sent or were not delivered."""


class SimulationError(ProducerError):
    """A disturbance that cannot be read."""
