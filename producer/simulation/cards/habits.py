"""How customers pay: where, when, how much and with which device."""

import numpy as np

from payments.arrays import Flags, Floats, Ints
from producer.simulation.cards.details import (
    choose_card_channels,
    choose_terminals,
    hash_devices,
    make_addresses,
    price,
    round_prices,
)
from producer.simulation.cards.numbers import Hashes, choose, hash_numbers, to_shares
from producer.simulation.cards.payment import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    Payments,
    make_payments,
    sort_by_time,
)
from producer.simulation.cards.places import (
    ATM,
    CATEGORIES,
    ECOM,
    LOCAL_HOURS,
    MOTO,
    ONLINE,
    STORE,
    make_online_share,
    make_rhythm,
)
from producer.simulation.cards.population import FAVOURITES, VISITS, Population

_WEEK_MS = 7 * DAY_MS
_MONDAY_MS = 4 * DAY_MS  # 1970 began on a Thursday

# Some payments begin a series: a shopping tour, or purchases in a game.
SERIES = 0.09
_MORE = 0.45  # a payment of a series is its last with this chance
_MOST_MORE = 12
_PACE_MS = 12 * MINUTE_MS  # mean time between two payments of a series
MEAN_SERIES = 1 + SERIES / _MORE  # payments to one arrival, before the limit
_SAME_MERCHANT = 0.5  # share of the series online that stay at one merchant

_ATM_SHARE = 0.04
_EXPLORE = (0.30, 0.35, 0.15)  # by group: payments at no favourite merchant
_NEXT_FAVOURITE = 0.68  # payments at a customer's next favourite to one at the favourite before
_ABROAD = 0.3  # of the online purchases at no favourite merchant
_PAID_ON_TRIPS = 0.85  # share of payments in the country of the trip
_USUAL_TERMINAL = 0.6
_SECOND_DEVICE = 0.25
_STRANGE_DEVICE = 0.04  # a colleague's computer, a cleared browser
_NO_DEVICE = 0.06
_DEVICE_LIFE_MS = 500 * DAY_MS
_MOBILE_NETWORK = 0.4
_FIRST_FAVOURITE = np.concatenate([[0], np.cumsum(FAVOURITES)])

_MOTO = np.array([category.moto for category in CATEGORIES])


def find_hours(times: Ints) -> Ints:
    """Return the hour of the local week, of times in ms since 1970: Monday at midnight is 0."""
    local = times + LOCAL_HOURS * HOUR_MS - _MONDAY_MS
    hours: Ints = local % _WEEK_MS // HOUR_MS
    return hours


class Habits:
    """Make the legitimate payments of arrivals; the same chunk always has the same ones."""

    def __init__(self, population: Population, seed: int) -> None:
        self._population = population
        self._seed = seed
        rhythm = make_rhythm()
        self._kinds = np.cumsum(rhythm, axis=1)[:, :-1] / rhythm.sum(axis=1, keepdims=True)
        self._online = make_online_share()

    def make(self, number: int, times: Ints) -> Payments:
        """Return the payments of chunk `number`, in time order. `times`: of its arrivals, in ms.

        The last series continue after the last arrival.
        """
        random = np.random.default_rng([self._seed, 1, number])
        arrivals, steps = _draw_series(len(times), random)
        chance = random.random((9, len(arrivals)))
        noise = random.standard_normal(len(arrivals))
        customers = self._choose_customers(times, random)[arrivals]
        first = _find_firsts(arrivals)
        pace = random.exponential(_PACE_MS, len(times))[arrivals]
        times = times[arrivals] + (steps * pace * (0.5 + chance[0])).astype(np.int64)
        alone = random.random(len(steps))
        group = self._choose_groups(customers, find_hours(times), chance[1])
        merchants = self._choose_merchants(customers, group, times, (chance[2], chance[3]))
        stays = (steps > 0) & (alone[first] < _SAME_MERCHANT) & (group[first] == ONLINE)
        merchants = np.where(stays, merchants[first], merchants)
        group = self._population.merchants.group[merchants]
        chance[8] = chance[8][first]  # a series is made with one device
        return sort_by_time(self._pay(customers, merchants, group, times, chance[4:], noise))

    def _choose_customers(self, times: Ints, random: np.random.Generator) -> Ints:
        chance = random.random((2, len(times)))
        kinds = (chance[0][:, None] >= self._kinds[find_hours(times)]).sum(axis=1)
        return self._population.choose_customers(kinds, chance[1])

    def _choose_groups(self, customers: Ints, hours: Ints, chance: Floats) -> Ints:
        share = self._online[hours % 24]
        odds = share / (1 - share) * self._population.customers.online[customers]
        online = chance < odds / (1 + odds) * (1 - _ATM_SHARE)
        return np.where(online, ONLINE, np.where(chance > 1 - _ATM_SHARE, ATM, STORE))

    def _choose_merchants(
        self, customers: Ints, group: Ints, times: Ints, chances: tuple[Floats, Floats]
    ) -> Ints:
        people = self._population.customers
        how, which = chances
        rank = np.minimum(
            np.floor(np.log1p(-which) / np.log(_NEXT_FAVOURITE)).astype(int),
            np.array(FAVOURITES)[group] - 1,
        )
        favourite = people.favourites[customers, _FIRST_FAVOURITE[group] + rank]
        abroad, country = self._travel(customers, times)
        away = abroad & (group != ONLINE) & (how < _PAID_ON_TRIPS)
        explores = ~away & (how < np.array(_EXPLORE)[group])
        orders = explores & (group == ONLINE) & (how < _EXPLORE[ONLINE] * _ABROAD)
        if orders.any():
            country = np.where(
                orders,
                choose(VISITS, to_shares(hash_numbers(self._seed, customers, times))),
                country,
            )
        place = np.where(away | orders, country, people.home[customers])
        elsewhere = away | explores
        merchants: Ints = favourite.astype(np.int64)
        merchants[elsewhere] = self._population.choose_merchants(
            group[elsewhere], place[elsewhere], which[elsewhere]
        )
        return merchants

    def _travel(self, customers: Ints, times: Ints) -> tuple[Flags, Ints]:
        """Return which customers are abroad at these times, and the countries of their trips."""
        shift = hash_numbers(self._seed + 1, customers) % np.uint64(_WEEK_MS)
        weeks = (times + shift.astype(np.int64)) // _WEEK_MS
        trip = hash_numbers(self._seed + 2, customers, weeks)
        abroad = to_shares(trip) < self._population.customers.travels[customers]
        return abroad, choose(VISITS, to_shares(hash_numbers(self._seed, trip)))

    def _pay(
        self,
        customers: Ints,
        merchants: Ints,
        group: Ints,
        times: Ints,
        chance: Floats,
        noise: Floats,
    ) -> Payments:
        population = self._population
        factor = np.exp(population.customers.spends[customers])
        cents = round_prices(price(population, merchants, noise, factor), group, chance[0])
        usual = to_shares(hash_numbers(self._seed, customers, merchants))
        at = np.where(chance[1] < _USUAL_TERMINAL, usual, chance[2])
        moto = chance[1] < _MOTO[population.merchants.category[merchants]]
        online = group == ONLINE
        bought = np.where(moto, MOTO, ECOM)
        payments = make_payments(
            len(times),
            time=times,
            cents=cents,
            account=customers,
            merchant=merchants,
            terminal=choose_terminals(population, merchants, at),
            channel=np.where(online, bought, choose_card_channels(group, cents, chance[3])),
        )
        ecom = np.flatnonzero(online & ~moto)
        payments["device"][ecom] = self._choose_devices(
            customers[ecom], times[ecom], chance[4][ecom]
        )
        payments["ip"][ecom] = self._choose_addresses(customers[ecom], times[ecom], chance[2][ecom])
        return payments

    def _choose_devices(self, customers: Ints, times: Ints, chance: Floats) -> Hashes:
        """Return the customers' own devices, replaced now and then, or strange ones, or none."""
        second = (chance < _SECOND_DEVICE) & (self._population.customers.devices[customers] > 1)
        shift = hash_numbers(self._seed + 3, customers, second) % np.uint64(_DEVICE_LIFE_MS)
        generation = (times + shift.astype(np.int64)) // _DEVICE_LIFE_MS
        strange = chance > 1 - _STRANGE_DEVICE - _NO_DEVICE
        generation = np.where(strange, times, generation)
        devices = hash_devices(self._seed, customers, second, generation)
        return np.where(chance > 1 - _NO_DEVICE, np.uint64(0), devices)

    def _choose_addresses(self, customers: Ints, times: Ints, chance: Floats) -> Ints:
        days = np.where(chance < _MOBILE_NETWORK, times // HOUR_MS, times // (30 * DAY_MS))
        hosts = hash_numbers(self._seed + 4, customers, days)
        return make_addresses(self._population.customers.home[customers], hosts)


def _find_firsts(arrivals: Ints) -> Ints:
    """Return for each payment the position of the first of its arrival."""
    return np.searchsorted(arrivals, arrivals)


def _draw_series(count: int, random: np.random.Generator) -> tuple[Ints, Ints]:
    """Return for each payment its arrival, and how many payments of that one come before it."""
    begins = random.random(count) < SERIES
    more = np.where(begins, np.minimum(random.geometric(_MORE, count), _MOST_MORE), 0)
    arrivals = np.repeat(np.arange(count), 1 + more)
    return arrivals, np.arange(len(arrivals)) - _find_firsts(arrivals)
