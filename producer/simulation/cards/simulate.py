"""Generate payments in time order; memory grows with the customers but not with the rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from payments.arrays import Floats
from producer.simulation.arrival import Arrivals
from producer.simulation.cards.disturbances import Norm, disturb, scale_fraud_share
from producer.simulation.cards.fraudsters import Fraudsters
from producer.simulation.cards.habits import MEAN_SERIES, Habits, find_hours
from producer.simulation.cards.payment import HOUR_MS, Payments, make_payments, sort_by_time
from producer.simulation.cards.places import make_rhythm
from producer.simulation.cards.population import Population
from producer.simulation.disturbance import Disturbance

# Fixed: numbers are drawn by chunk, so that the first rows never depend on their total.
CHUNK = 16_384
PAYMENTS_A_DAY = 0.8  # of an account, unless the number of customers is given
FEWEST_CUSTOMERS = 100
MOST_FRAUDS = 0.5


@dataclass(frozen=True)
class CardOptions:
    """Options of a simulation.

    days: the time that `rows` payments take, within a few percent. customers: None for as many as
    make PAYMENTS_A_DAY payments a day each. fraud_share: at most MOST_FRAUDS.
    """

    rows: int
    seed: int = 1
    start: datetime = datetime(2025, 1, 6, tzinfo=UTC)  # a Monday
    days: float = 60.0
    customers: int | None = None
    fraud_share: float = 0.004

    @property
    def rows_a_day(self) -> float:
        """Mean number of payments a day."""
        return self.rows / self.days

    @property
    def start_ms(self) -> int:
        """The start in ms since 1970."""
        return int(self.start.timestamp() * 1000)

    def count_customers(self) -> int:
        """Return the number of customers."""
        return self.customers or max(FEWEST_CUSTOMERS, round(self.rows_a_day / PAYMENTS_A_DAY))


@dataclass(frozen=True)
class Chunk:
    """Payments in time order, starting at row `first`."""

    first: int
    payments: Payments
    population: Population


def simulate(options: CardOptions, disturbances: Sequence[Disturbance] = ()) -> Iterator[Chunk]:
    """Yield `options.rows` payments in chunks; the same arguments give the same ones.

    A disturbance changes nothing before it begins.
    """
    population = Population(options.count_customers(), options.seed)
    stream = _Stream(population, options, disturbances)
    first = 0
    while first < options.rows:
        payments = stream.draw(first)[: options.rows - first]
        if len(payments):
            yield Chunk(first, payments, population)
        first += len(payments)


class _Stream:
    def __init__(
        self, population: Population, options: CardOptions, disturbances: Sequence[Disturbance]
    ) -> None:
        self._population = population
        self._options = options
        self._disturbances = disturbances
        hours = find_hours(options.start_ms + np.arange(168) * HOUR_MS)
        rhythm = make_rhythm().sum(axis=1)[hours]
        share = options.fraud_share
        rate = options.rows_a_day / 24 * (1 - share) / MEAN_SERIES
        hours_of_span = np.arange(np.ceil(options.days * 24)).astype(int) % len(rhythm)
        self._arrivals = Arrivals(rate * rhythm / rhythm[hours_of_span].mean(), disturbances)
        self._habits = Habits(population, options.seed)
        self._fraudsters = Fraudsters(
            population, options.seed, options.rows_a_day * share, options.start_ms
        )
        self._later = make_payments(0)
        self._chunk = 0

    def draw(self, first: int) -> Payments:
        """Return the payments up to the next chunk's last arrival. `first`: the next row."""
        random = np.random.default_rng([self._options.seed, 4, self._chunk])
        gaps = random.standard_exponential(CHUNK)
        seconds = self._arrivals.place(np.arange(CHUNK), gaps)
        times = self._options.start_ms + (seconds * 1000).astype(np.int64)
        legitimate = self._habits.make(self._chunk, times)
        if self._chunk == 0:
            self._norm = _measure(legitimate)
        frauds = self._fraudsters.plan(legitimate, self._find_frauds(legitimate, first))
        self._chunk += 1
        merged = sort_by_time(np.concatenate([self._later, legitimate, frauds]))
        due = int(np.searchsorted(merged["time"], times[-1], side="right"))
        self._later = merged[due:]
        return self._disturb(first, merged[:due])

    def _find_frauds(self, legitimate: Payments, first: int) -> Floats:
        """Return [n]: the frauds for each legitimate payment."""
        rows = first + np.arange(len(legitimate))
        shares = scale_fraud_share(
            self._disturbances, self._options.fraud_share, rows, self._get_seconds(legitimate)
        )
        frauds: Floats = shares / (1 - np.minimum(shares, MOST_FRAUDS))
        return frauds

    def _disturb(self, first: int, payments: Payments) -> Payments:
        merchants = self._population.merchants
        payments["mcc"] = merchants.category[payments["merchant"]]
        payments["country"] = merchants.country[payments["merchant"]]
        payments["currency"] = merchants.currency[payments["merchant"]]
        if self._disturbances:
            chance = np.random.default_rng([self._options.seed, 5, first]).random(len(payments))
            moments = (first + np.arange(len(payments)), self._get_seconds(payments))
            disturb(self._disturbances, payments, moments, self._norm, chance)
        return payments

    def _get_seconds(self, payments: Payments) -> Floats:
        seconds: Floats = (payments["time"] - self._options.start_ms) / 1000
        return seconds


def _measure(payments: Payments) -> Norm:
    return Norm(float(payments["cents"].mean()), float(payments["cents"].std()))
