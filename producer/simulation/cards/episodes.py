"""Frauds within hours of each other, each beginning after a legitimate payment of the victim.

card_testing      many tiny payments online, from one device at one merchant, within minutes
stolen_card       a few larger payments, at shops that the customer does not go to
account_takeover  larger purchases online, from a device that the customer never used
"""

from typing import Any, NamedTuple

import numpy as np

from payments.arrays import Ints
from producer.simulation.cards.details import (
    choose_card_channels,
    choose_terminals,
    hash_devices,
    make_addresses,
    price,
    round_prices,
)
from producer.simulation.cards.numbers import choose
from producer.simulation.cards.payment import HOUR_MS, MINUTE_MS, Payments, make_payments
from producer.simulation.cards.places import ATM, COUNTRIES, ECOM, ONLINE, STORE
from producer.simulation.cards.population import VISITS, Population

_TESTED_CENTS = (50, 500)
_ABROAD = 0.35
_CASH = 0.12
# Fraudsters keep a device for this many of their episodes.
_EPISODES_A_DEVICE = 2


class Episode(NamedTuple):
    """One episode in the making.

    `pattern`: its position in PATTERNS. `number`: of its kind, from 0. `size`: of payments.
    `victim`: the legitimate payment that it follows, a scalar of PAYMENT.
    """

    population: Population
    pattern: int
    number: int
    size: int
    victim: Any
    seed: int
    random: np.random.Generator

    def choose_merchants(self, group: int, count: int, country: int) -> Ints:
        """Return merchants of a group in a country, by popularity."""
        return self.population.choose_merchants(
            np.full(count, group), np.full(count, country), self.random.random(count)
        )

    def choose_country(self, abroad: float) -> int:
        """Return the victim's country, or with this chance another one that people visit."""
        if self.random.random() >= abroad:
            return int(self.population.customers.home[self.victim["account"]])
        return int(choose(VISITS, self.random.random(1))[0])

    def buy_online(self, merchants: Ints, **columns: Any) -> Payments:
        """Return payments from the fraudster's device. `columns`: the others of PAYMENT."""
        device = hash_devices(self.seed + 1, self.pattern, self.number // _EPISODES_A_DEVICE)
        network = np.array([self.random.integers(len(COUNTRIES))])
        return make_payments(
            len(merchants),
            merchant=merchants,
            channel=ECOM,
            device=device,
            ip=make_addresses(network, self.number),
            **columns,
        )

    def buy_in_shops(self, merchants: Ints, **columns: Any) -> Payments:
        """Return payments with a card, at any terminal of each merchant."""
        chance = self.random.random((2, len(merchants)))
        return make_payments(
            len(merchants),
            merchant=merchants,
            terminal=choose_terminals(self.population, merchants, chance[0]),
            channel=choose_card_channels(
                self.population.merchants.group[merchants], columns["cents"], chance[1]
            ),
            **columns,
        )

    def price(self, merchants: Ints, least: float, most: float) -> Ints:
        """Return amounts in cents: usual ones times a factor between the two."""
        count = len(merchants)
        factor = self.random.uniform(least, most, count)
        cents = price(self.population, merchants, self.random.standard_normal(count), factor)
        group = self.population.merchants.group[merchants]
        return round_prices(cents, group, self.random.random(count))


def try_cards(episode: Episode) -> Payments:
    """Try one card, or a few in turn, for amounts too small to be noticed."""
    random = episode.random
    country = episode.choose_country(_ABROAD)
    candidates = episode.choose_merchants(ONLINE, 4, country)
    merchant = candidates[np.argmin(episode.population.merchants.price[candidates])]
    cards = int(random.choice([1, 1, 1, 2, 3]))
    others = episode.population.choose_customers(
        random.integers(4, size=cards), random.random(cards)
    )
    others[0] = episode.victim["account"]
    start = episode.victim["time"] + random.integers(MINUTE_MS, HOUR_MS)
    gaps = random.exponential(12_000, episode.size) + 1_500
    return episode.buy_online(
        np.full(episode.size, merchant),
        time=start + np.cumsum(gaps).astype(np.int64),
        account=np.sort(others[np.arange(episode.size) % cards]),
        cents=random.integers(*_TESTED_CENTS, episode.size),
    )


def use_stolen_card(episode: Episode) -> Payments:
    """Spend as much as the card allows before it is blocked."""
    random = episode.random
    country = episode.choose_country(_ABROAD)
    merchants = np.array(
        [_choose_dear(episode, STORE, country) for _ in range(episode.size)], np.int64
    )
    cash = random.random(episode.size) < _CASH
    merchants[cash] = episode.choose_merchants(ATM, int(cash.sum()), country)
    start = episode.victim["time"] + random.integers(20 * MINUTE_MS, 3 * HOUR_MS)
    gaps = random.exponential(12 * MINUTE_MS, episode.size)
    return episode.buy_in_shops(
        merchants,
        time=start + np.cumsum(gaps).astype(np.int64),
        account=episode.victim["account"],
        cents=episode.price(merchants, 2.0, 5.0),
    )


def take_over(episode: Episode) -> Payments:
    """Order what can be sold again, with a customer's own login."""
    random = episode.random
    merchants = np.array(
        [
            _choose_dear(episode, ONLINE, episode.choose_country(_ABROAD))
            for _ in range(episode.size)
        ],
        np.int64,
    )
    start = episode.victim["time"] + random.integers(HOUR_MS, 24 * HOUR_MS)
    gaps = random.exponential(HOUR_MS, episode.size)
    return episode.buy_online(
        merchants,
        time=start + np.cumsum(gaps).astype(np.int64),
        account=episode.victim["account"],
        cents=episode.price(merchants, 1.5, 4.0),
    )


def _choose_dear(episode: Episode, group: int, country: int) -> int:
    """Return the dearer of two merchants."""
    candidates = episode.choose_merchants(group, 2, country)
    return int(candidates[np.argmax(episode.population.merchants.price[candidates])])
