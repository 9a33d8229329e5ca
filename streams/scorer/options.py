"""How the scorer is asked to work: what a supervisor hands to its workers. It imports nothing, for a command to start fast."""

from dataclasses import dataclass
from enum import StrEnum


class Guarantee(StrEnum):
    """What a crash may cost: nothing, or a transaction scored twice."""

    EXACTLY_ONCE = "exactly-once"
    AT_LEAST_ONCE = "at-least-once"


@dataclass(frozen=True)
class ScorerOptions:
    """`max_bytes`: of a transaction's value, None for the contract's own limit; `max_dead_share`: see streams.scorer.dead_letter_limit, 1 limits nothing."""

    guarantee: Guarantee = Guarantee.EXACTLY_ONCE
    max_bytes: int | None = None
    max_dead_share: float = 1.0
