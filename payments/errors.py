"""Errors of the payments room."""


class InputError(ValueError):
    """Numbers that no model takes: NaN, infinite, beyond float32, or not V1..V28 and Amount."""
