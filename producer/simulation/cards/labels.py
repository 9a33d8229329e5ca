"""When a fraud becomes known, by its pattern."""

from typing import NamedTuple

import numpy as np

from producer.simulation.cards.payment import HOUR_MS


class Delay(NamedTuple):
    """A log-normal delay in hours: its median, its spread, and the least and most that it is."""

    median: float
    spread: float
    least: float
    most: float


DELAYS = {
    "card_testing": Delay(10, 0.9, 0.5, 7 * 24),  # the customer sees it in the app
    "stolen_card": Delay(48, 0.9, 1, 14 * 24),  # the customer misses the card
    "account_takeover": Delay(30, 1.0, 1, 14 * 24),  # the customer is locked out
    "compromised_terminal": Delay(13 * 24, 0.45, 7 * 24, 28 * 24),  # by chargeback
    "colluding_merchant": Delay(20 * 24, 0.45, 7 * 24, 45 * 24),  # by chargeback
}


def draw_delay(pattern: str, random: np.random.Generator) -> int:
    """Return the ms from the last payment of an episode to its label."""
    median, spread, least, most = DELAYS[pattern]
    hours = median * np.exp(spread * random.standard_normal())
    return int(np.clip(hours, least, most) * HOUR_MS)
