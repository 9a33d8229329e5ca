"""Which payments a label can be about."""


def is_about(by_analyst: bool, arrived_ms: int, made_ms: float, scored_ms: int) -> bool:
    """Return whether a label with a payment's id and account can be about it.

    Ids may be used again, so an analyst's label is about payments scored before it arrived, and a
    chargeback about payments made before that: it may come before the score if the scorer is
    behind. All times are in ms since 1970.
    """
    return arrived_ms >= (scored_ms if by_analyst else min(made_ms, scored_ms))
