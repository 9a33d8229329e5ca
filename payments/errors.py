"""Errors raised by this package."""


class InputError(ValueError):
    """Rows or a schema that the model cannot read, such as infinity or features of history."""


class PaymentFileError(ValueError):
    """A file of payments that cannot be read, or lacks what is needed: path, place and cause."""
