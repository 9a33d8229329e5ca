"""Errors of the drift monitor. Each message says what is wrong and what to do.

DriftError
├── NoReferenceError         a model directory or a file has no usable reference
├── WindowOrderError         the consumer went back to events that are already in a window
├── WindowGoneError          a window was never closed, or its predictions are deleted
├── ReportError              a report could not be written
└── ReportProcessError       the process that writes reports died
"""


class DriftError(RuntimeError):
    """The monitor cannot continue; the command prints the message and exits with 1."""


class NoReferenceError(DriftError):
    """A model directory or a file has no usable reference."""


class WindowOrderError(DriftError):
    """An offset came twice or out of order within its partition."""


class WindowGoneError(DriftError):
    """A window was never closed, or its predictions are deleted."""


class ReportError(DriftError):
    """A report could not be written."""


class ReportProcessError(DriftError):
    """The process that writes reports died."""
