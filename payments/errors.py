"""Errors raised by this package."""


class InputError(ValueError):
    """Rows that the model cannot read: NaN, infinite, beyond float32, or not V1..V28 and Amount."""


class PaymentFileError(ValueError):
    """A file of payments that cannot be read, or lacks what is needed: path, place and cause."""
