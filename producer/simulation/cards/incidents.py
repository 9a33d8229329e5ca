"""Frauds over weeks at one place.

compromised_terminal  cards that pay at a terminal are misused days later, there and elsewhere
colluding_merchant    a merchant charges cards for nothing

A fixed number of slots has one incident at a time each, so that each place has as many frauds a
day however many payments there are.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from payments.arrays import Ints
from producer.simulation.cards.episodes import Episode
from producer.simulation.cards.payment import DAY_MS, HOUR_MS, Payments
from producer.simulation.cards.places import ONLINE, STORE

_ROWS_A_DAY = 2.0  # frauds of one slot
_LENGTH_MS = (42 * DAY_MS, 70 * DAY_MS)
_THERE = 0.75  # of the misused cards: at the terminal itself
_MISUSED_AFTER_DAYS = (1, 8)  # and some hours, so at about the same time of the day
_HOURS_SD = 2.0
_ONLINE = 0.4
_ABROAD = 0.25
NOWHERE = -1


class Incident(NamedTuple):
    """A place, the number of a terminal or merchant, from `begin` to `end` (exclusive) in ms."""

    place: int
    begin: int
    end: int


class Slots:
    """Slots with one incident at a time each."""

    def __init__(self, seed: Sequence[int], rows_a_day: float, start: int) -> None:
        """`start`: of the simulation in ms; its first incidents are shorter than later ones."""
        self._random = np.random.default_rng(seed)
        count = max(1, round(rows_a_day / _ROWS_A_DAY))
        self._ends = [start] * count
        self._begun = [False] * count
        self._incidents: list[Incident] = []

    def advance(self, places: Ints, times: Ints) -> None:
        """Begin and end incidents up to the last payment.

        `places`: of each payment, -1 for one after which no incident can begin. `times`: in order,
        in ms, each call after the one before.
        """
        self._incidents = [each for each in self._incidents if each.end > times[0]]
        possible = np.flatnonzero(places != NOWHERE)
        for slot in range(len(self._ends)):
            after = int(np.searchsorted(times[possible], self._ends[slot]))
            while after < len(possible):
                row = possible[after]
                place = int(places[row])
                if all(each.place != place for each in self._incidents):
                    begin = int(times[row])
                    self._ends[slot] = begin + self._draw_length(slot)
                    self._incidents.append(Incident(place, begin, self._ends[slot]))
                    after = int(np.searchsorted(times[possible], self._ends[slot]))
                else:
                    after += 1

    def find(self, places: Ints, times: Ints) -> Ints:
        """Return which payments are at a place during its incident."""
        incidents = np.array(sorted(self._incidents)).reshape(-1, 3)
        if not len(incidents):
            return np.zeros(0, np.int64)
        which = np.searchsorted(incidents[:, 0], places, side="right") - 1
        place, begin, end = incidents[which].T
        return np.flatnonzero((place == places) & (begin <= times) & (times < end))

    def choose(self, time: int, chance: float) -> int:
        """Return a place with an incident at this time, or just before or after it."""
        active = [each.place for each in self._incidents if each.begin <= time < each.end]
        places = active or [each.place for each in self._incidents]
        return places[int(chance * len(places))]

    def _draw_length(self, slot: int) -> int:
        length = self._random.uniform(*_LENGTH_MS)
        if not self._begun[slot]:  # so that they end in different weeks
            length *= self._random.uniform(0.3, 1.0)
        self._begun[slot] = True
        return int(length)


def misuse_card(episode: Episode) -> Payments:
    """Use a card days after it paid at a compromised terminal, the victim's payment."""
    random = episode.random
    victim = episode.victim
    days = random.integers(*_MISUSED_AFTER_DAYS)
    hours = abs(random.normal(0.0, _HOURS_SD))
    time = victim["time"] + days * DAY_MS + int(hours * HOUR_MS)
    times = time + np.cumsum(random.exponential(HOUR_MS, episode.size)).astype(np.int64)
    if random.random() < _THERE:
        merchants = np.full(episode.size, victim["merchant"])
        there = episode.buy_in_shops(
            merchants,
            time=times,
            account=victim["account"],
            cents=episode.price(merchants, 0.8, 1.8),
        )
        there["terminal"] = victim["terminal"]
        return there
    online = random.random() < _ONLINE
    group = ONLINE if online else STORE
    merchants = episode.choose_merchants(group, episode.size, episode.choose_country(_ABROAD))
    buy = episode.buy_online if online else episode.buy_in_shops
    return buy(
        merchants,
        time=times,
        account=victim["account"],
        cents=episode.price(merchants, 0.8, 2.0),
    )


def charge_for_nothing(episode: Episode, merchant: int) -> Payments:
    """Charge the victim's card by a merchant, as its other customers pay."""
    catalogue = episode.population.merchants
    merchants = np.full(1, merchant)
    columns = {
        "time": episode.victim["time"] + episode.random.integers(HOUR_MS),
        "account": episode.victim["account"],
        "cents": episode.price(merchants, 0.9, 1.9),
    }
    if catalogue.group[merchant] == ONLINE:
        return episode.buy_online(merchants, **columns)
    return episode.buy_in_shops(merchants, **columns)
