"""The options that a supervisor passes to its workers.

Imports nothing, so that commands start fast.
"""

from dataclasses import dataclass, field
from enum import StrEnum

PORT_SETTING = "--metrics-port or FRAUD_METRICS_PORT"


class Guarantee(StrEnum):
    """The guarantee: after a crash, each transaction is scored exactly once, or perhaps twice."""

    EXACTLY_ONCE = "exactly-once"
    AT_LEAST_ONCE = "at-least-once"


@dataclass(frozen=True)
class ScorerOptions:
    """How a worker scores.

    `max_bytes` limits a transaction's value; None is the contract's own limit. `max_dead_share`
    limits the share of dead letters (streams.scorer.dead_letter_limit); 1 is no limit.
    `history_key` hides secret fields in the history, and `accept_history_gap` lets a worker begin
    although its history lacks payments.
    """

    guarantee: Guarantee = Guarantee.EXACTLY_ONCE
    max_bytes: int | None = None
    max_dead_share: float = 1.0
    history_key: bytes | None = field(default=None, repr=False)
    accept_history_gap: bool = False
