"""What can go wrong in this room. Each text says what is wrong and what to do.

DriftError
├── NoReferenceError         a model directory or a file holds no usable reference
├── BrokenPredictionError    a record of `predictions` is no prediction
├── WindowOrderError         the consumer went back over events that are already in a window
├── WindowGoneError          a window was never closed, or its predictions are deleted
├── FileError                a file holds no payments
├── ReportError              a report could not be written
└── ReportProcessError       the process that writes reports died
"""


class DriftError(RuntimeError):
    """The monitor cannot go on: the command prints the text and exits 1."""


class NoReferenceError(DriftError):
    """A model directory or a file holds no usable reference."""


class BrokenPredictionError(DriftError):
    """A record of `predictions` is no prediction: only the scorer writes there, so something is wrong with it."""


class WindowOrderError(DriftError):
    """An offset came twice or out of order within its partition."""


class WindowGoneError(DriftError):
    """A window was never closed, or its predictions are deleted."""


class FileError(DriftError):
    """A file holds no payments."""


class ReportError(DriftError):
    """A report could not be written."""


class ReportProcessError(DriftError):
    """The process that writes reports died."""
