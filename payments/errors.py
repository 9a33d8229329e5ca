"""Errors raised by this package."""


class InputError(ValueError):
    """Rows that the model cannot read: NaN, infinite, beyond float32, or with features of history."""


class PaymentFileError(ValueError):
    """A file of payments that cannot be read, or lacks what is needed: path, place and cause."""
