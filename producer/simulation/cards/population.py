"""Customers and merchants of a simulation, drawn once from the seed."""

from dataclasses import dataclass

import numpy as np

from payments.arrays import Flags, Floats, Ints
from producer.simulation.cards.numbers import Choices, choose
from producer.simulation.cards.places import (
    ATM,
    CATEGORIES,
    COUNTRIES,
    CURRENCIES,
    GROUPS,
    KINDS_OF_PEOPLE,
    ONLINE,
)

FAVOURITES = (8, 5, 2)  # of a customer: stores, online shops, cash machines
_CUSTOMERS_A_MERCHANT = 8
_FEWEST_MERCHANTS = 400
_SHARES = (0.60, 0.32, 0.08)  # of the groups among the merchants
_CUSTOMERS = np.array([country.customers for country in COUNTRIES], float)
VISITS = np.array([country.visits for country in COUNTRIES], float)
_CURRENCIES = np.array([CURRENCIES.index(country.currency) for country in COUNTRIES])
_GROUPS = np.array([GROUPS.index(category.group) for category in CATEGORIES])


@dataclass(frozen=True)
class Customers:
    """Customers by number; an account has its customer's number.

    activity: relative number of payments. kind: of people, by the hours at which they pay. spends:
    logarithm of the factor on prices. online: factor on the odds of an online purchase. travels:
    share of weeks abroad. devices: 1 or 2. favourites: [n, 15] merchants, by group as in
    FAVOURITES.
    """

    home: Ints
    activity: Floats
    kind: Ints
    spends: Floats
    online: Floats
    travels: Floats
    devices: Ints
    favourites: Ints


@dataclass(frozen=True)
class Merchants:
    """Merchants by number.

    price: logarithm of the median. terminals: their number, from `first_terminal` on. quiet:
    whether fraudsters like it, few payments a terminal in a country with customers and no cash.
    """

    category: Ints
    group: Ints
    country: Ints
    currency: Ints
    price: Floats
    popularity: Floats
    terminals: Ints
    first_terminal: Ints
    quiet: Flags


class Population:
    """Customers and merchants, and choices among them by weight."""

    def __init__(self, customers: int, seed: int) -> None:
        self.seed = seed
        random = np.random.default_rng([seed, 3])
        self.merchants = _draw_merchants(
            max(_FEWEST_MERCHANTS, customers // _CUSTOMERS_A_MERCHANT), random
        )
        cells = self.merchants.group * len(COUNTRIES) + self.merchants.country
        self._merchants = Choices(cells, self.merchants.popularity, len(GROUPS) * len(COUNTRIES))
        self.customers = self._draw_customers(customers, random)
        self._customers = Choices(
            self.customers.kind, self.customers.activity, len(KINDS_OF_PEOPLE)
        )

    def choose_customers(self, kind: Ints, chance: Floats) -> Ints:
        """Return a customer of each kind of people, by activity."""
        return self._customers.choose(kind, chance)

    def choose_merchants(self, group: Ints, country: Ints, chance: Floats) -> Ints:
        """Return a merchant of each group and country, by popularity."""
        return self._merchants.choose(group * len(COUNTRIES) + country, chance)

    def _draw_customers(self, count: int, random: np.random.Generator) -> Customers:
        home = choose(_CUSTOMERS, random.random(count))
        favourites = [
            self.choose_merchants(np.full(count, group), home, random.random(count)).astype("i4")
            for group, number in enumerate(FAVOURITES)
            for _ in range(number)
        ]
        return Customers(
            home=home,
            activity=random.gamma(2.0, 0.5, count) + 0.05,
            kind=choose(KINDS_OF_PEOPLE, random.random(count)),
            spends=random.normal(0.0, 0.45, count),
            online=random.lognormal(0.0, 0.7, count),
            travels=random.beta(0.6, 14.0, count),
            devices=1 + (random.random(count) < 0.4).astype("i4"),
            favourites=np.column_stack(favourites),
        )


def _draw_merchants(count: int, random: np.random.Generator) -> Merchants:
    """Return merchants, at least one for each group and country."""
    cells = np.arange(len(GROUPS) * len(COUNTRIES))
    group = np.concatenate(
        [cells // len(COUNTRIES), choose(_SHARES, random.random(count - len(cells)))]
    )
    weights = _CUSTOMERS + 0.4 * VISITS
    country = np.concatenate(
        [cells % len(COUNTRIES), choose(weights, random.random(count - len(cells)))]
    )
    ours = Choices(_GROUPS, np.ones(len(_GROUPS)), len(GROUPS))
    category = ours.choose(group, random.random(count))
    wanted = np.array([category.weight for category in CATEGORIES], float)
    prices = np.log([category.price for category in CATEGORIES])
    popularity = wanted[category] * random.lognormal(0.0, 1.0, count)
    most = 1 + np.floor(np.sqrt(popularity) / 1.5)
    terminals = np.where(group == ONLINE, 0, np.minimum(most, 8)).astype("i4")
    busy = popularity / np.maximum(terminals, 1)
    return Merchants(
        category=category,
        group=group,
        country=country,
        currency=_CURRENCIES[country],
        price=prices[category] + random.normal(0.0, 0.25, count),
        popularity=popularity,
        terminals=terminals,
        first_terminal=np.cumsum(terminals) - terminals,
        quiet=(busy < np.quantile(busy, 0.8)) & (_CUSTOMERS[country] > 0) & (group != ATM),
    )
