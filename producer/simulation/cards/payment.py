"""Payments in memory: a structured array, one element a payment."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Payments = NDArray[np.void]
"""An array of PAYMENT."""

PAYMENT = np.dtype(
    [
        ("time", "i8"),  # ms since 1970
        ("labelled", "i8"),  # when the fraud became known, ms since 1970; 0 for legitimate ones
        ("cents", "i8"),
        ("device", "u8"),  # 0: none
        ("ip", "u4"),  # 0: none
        ("account", "i4"),
        ("merchant", "i4"),
        ("terminal", "i4"),  # -1: none
        ("mcc", "i2"),  # positions in the tuples of `places`
        ("country", "i1"),
        ("currency", "i1"),
        ("channel", "i1"),
        ("pattern", "i1"),  # 0: legitimate
    ]
)
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
LEGITIMATE = "legitimate"
PATTERNS = (
    LEGITIMATE,
    "card_testing",
    "stolen_card",
    "account_takeover",
    "compromised_terminal",
    "colluding_merchant",
)


def make_payments(count: int, **columns: Any) -> Payments:
    """Return `count` payments with these columns, no terminal, and 0 in the other columns."""
    payments = np.zeros(count, PAYMENT)
    payments["terminal"] = -1
    for name, values in columns.items():
        payments[name] = values
    return payments


def sort_by_time(payments: Payments) -> Payments:
    """Return the payments in time order; those of the same millisecond stay in theirs."""
    return payments[np.argsort(payments["time"], kind="stable")]
