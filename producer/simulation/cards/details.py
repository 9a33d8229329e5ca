"""What customers and fraudsters choose alike: amount, terminal, channel, device, address."""

from typing import Any

import numpy as np

from payments.arrays import Floats, Ints
from producer.simulation.cards.numbers import Hashes, hash_numbers
from producer.simulation.cards.places import AT_ATM, ATM, CATEGORIES, CHIP, CONTACTLESS
from producer.simulation.cards.population import Population

_SPREAD = np.array([category.spread for category in CATEGORIES])
_LEAST_CENTS = 30
_LARGEST_LOG = 9.5  # of a price before the customer's factor, some 13,000
_CONTACTLESS_LIMIT = 5_000  # cents
_NOTE_CENTS = 2_000
_DEVICE_BITS = np.uint64((1 << 48) - 1)


def price(population: Population, merchants: Ints, noise: Floats, factor: Floats) -> Ints:
    """Return amounts in cents at these merchants. `noise`: standard normal."""
    catalogue = population.merchants
    spread = _SPREAD[catalogue.category[merchants]]
    amounts = np.exp(np.minimum(catalogue.price[merchants] + spread * noise, _LARGEST_LOG)) * factor
    cents: Ints = np.maximum(np.round(amounts * 100), _LEAST_CENTS).astype(np.int64)
    return cents


def round_prices(cents: Ints, group: Ints, chance: Floats) -> Ints:
    """Return amounts as prices end: cash in notes, half of the others with 00, 50, 95 or 99."""
    whole = cents // 100 * 100
    endings = np.array([0, 50, 95, 99])[(chance * 8).astype(int) % 4]
    ending = (chance < 0.5) & (cents >= 100)
    prices = np.where(ending, whole + endings, cents)
    notes = np.maximum(np.round(cents / _NOTE_CENTS), 1).astype(np.int64)
    return np.where(group == ATM, notes * _NOTE_CENTS, prices)


def make_addresses(country: Ints, host: Any) -> Ints:
    """Return IPv4 addresses: a private network for each country, so that they are not anyone's."""
    hosts = np.asarray(host).astype(np.uint64) & np.uint64(0xFFFF)
    return (10 << 24) + ((country.astype(np.int64) + 16) << 16) + hosts.astype(np.int64)


def choose_terminals(population: Population, merchants: Ints, chance: Floats) -> Ints:
    """Return a terminal of each merchant, or -1."""
    catalogue = population.merchants
    number = catalogue.terminals[merchants]
    return np.where(
        number > 0, catalogue.first_terminal[merchants] + (chance * number).astype(int), -1
    )


def choose_card_channels(group: Ints, cents: Ints, chance: Floats) -> Ints:
    """Return chip, contactless or atm."""
    tapped = chance < np.where(cents <= _CONTACTLESS_LIMIT, 0.8, 0.3)
    return np.where(group == ATM, AT_ATM, np.where(tapped, CONTACTLESS, CHIP))


def hash_devices(seed: int, *columns: Any) -> Hashes:
    """Return the device of each row of integers. It is never 0."""
    return (hash_numbers(seed + 5, *columns) & _DEVICE_BITS) | np.uint64(1)
