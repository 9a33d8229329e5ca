"""The simulator: chunks of transactions from parameters and a seed, memory flat however many there are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from payments.contract import COMPONENTS, INPUTS
from producer.simulation.arrival import DAY_S, HOUR_S, Arrivals
from producer.simulation.disturbance import NEW_FRAUD, Disturbance, on_values
from producer.simulation.mixture import Mixture
from producer.simulation.parameters import HOURS, Parameters
from producer.simulation.selection import Selection

Floats = NDArray[np.float64]
CHUNK = (
    16_384  # fixed, for numbers are drawn by chunk: the first rows are the same however many follow
)
CANDIDATES = 8  # for each transaction; about half are kept, and of 256 transactions one takes the last, which nothing has selected
_DECIMALS = 6  # of V1..V28: finer than any model's cut, coarser than what differs between two machines' arithmetic


@dataclass(frozen=True)
class Settings:
    """fraud_share: None is that of the data. rhythm: whether rate and mixture go by the hour of day. accounts: 0 is none."""

    fraud_share: float | None = None
    rhythm: bool = True
    accounts: int = 0


@dataclass(frozen=True)
class Chunk:
    """n transactions from row `first` on.

    times: [n], whole seconds since the start, at midnight. values: [n, 29] in the order of INPUTS, NaN where a field is missing.
    is_fraud: [n]. accounts: [n], 0 up to the number of accounts, or None.
    """

    first: int
    times: Floats
    values: Floats
    is_fraud: NDArray[np.bool_]
    accounts: NDArray[np.int64] | None


def simulate(
    parameters: Parameters,
    rows: int,
    seed: int,
    disturbances: Sequence[Disturbance] = (),
    settings: Settings | None = None,
) -> Iterator[Chunk]:
    """`rows` transactions, CHUNK at a time; the same arguments give the same numbers.

    A disturbance changes nothing before its moment, and after it nothing but what it is about: the draws stay the same.
    """
    source = _Source(parameters, seed, disturbances, settings or Settings())
    for first in range(0, rows, CHUNK):
        yield source.chunk(first, min(CHUNK, rows - first))


class _Source:
    def __init__(
        self,
        parameters: Parameters,
        seed: int,
        disturbances: Sequence[Disturbance],
        settings: Settings,
    ) -> None:
        self._parameters = parameters
        self._seed = seed
        self._disturbances = disturbances
        self._settings = settings
        rhythm = settings.rhythm
        rate = parameters.rate if rhythm else np.full(HOURS, parameters.rate.mean())
        self._arrivals = Arrivals(rate, disturbances)
        hourly = parameters.hourly if rhythm else np.tile(parameters.legitimate.weights, (HOURS, 1))
        self._hourly = _ladder(hourly)
        self._fraud = _ladder(parameters.fraud.weights[None, :])
        self._selection = Selection(parameters.selection)
        self._share = (
            parameters.fraud_share if settings.fraud_share is None else settings.fraud_share
        )

    def chunk(self, first: int, count: int) -> Chunk:
        random = np.random.default_rng([self._seed, first // CHUNK])
        gaps = random.standard_exponential(CHUNK)[:count]
        kind, component, chance, newcomer = random.random((4, CHUNK))[:, :count]
        noise = random.standard_normal((CHUNK, len(INPUTS)))[:count]
        accounts = (
            random.integers(self._settings.accounts, size=CHUNK)[:count]
            if self._settings.accounts
            else None
        )
        rows = np.arange(first, first + count)
        times = np.floor(self._arrivals.times(rows, gaps))
        known = kind < self._fraud_share(rows, times)
        new = self._new_frauds(rows, times, newcomer) & ~known
        values = self._legitimate(first // CHUNK, (times % DAY_S // HOUR_S).astype(np.int64))
        frauds = _climb(self._fraud, np.zeros(int(known.sum()), np.int64), component[known])
        values[known] = self._drawn(self._parameters.fraud, frauds, noise[known])
        for name, shift in NEW_FRAUD.items():
            column = INPUTS.index(name)
            values[new, column] += shift * self._parameters.sd[column]
        values[:, : len(COMPONENTS)] = np.round(values[:, : len(COMPONENTS)], _DECIMALS)
        on_values(
            self._disturbances,
            values,
            (rows, times),
            (self._parameters.mean, self._parameters.sd),
            chance,
        )
        return Chunk(first, times, values, known | new, accounts)

    def _fraud_share(self, rows: NDArray[np.int64], times: Floats) -> Floats:
        share = np.full(len(rows), self._share)
        for disturbance in self._disturbances:
            if disturbance.kind == "fraud-rate":
                share[disturbance.active(rows, times)] *= disturbance.size
        return share

    def _new_frauds(
        self, rows: NDArray[np.int64], times: Floats, chance: Floats
    ) -> NDArray[np.bool_]:
        new = np.zeros(len(rows), bool)
        for disturbance in self._disturbances:
            if disturbance.kind == "new-fraud":
                new |= disturbance.active(rows, times) & (chance < disturbance.size)
        return new

    def _legitimate(self, number: int, hours: NDArray[np.int64]) -> Floats:
        """[n, 29], the legitimate rows of a chunk: for each row the first of its candidates that is kept, or its last."""
        values = np.empty((len(hours), len(INPUTS)))
        left = np.arange(len(hours))
        for turn in range(CANDIDATES):
            # Two generators, so that what a row draws does not depend on how many rows come after it.
            seeds = (
                np.random.SeedSequence(self._seed, spawn_key=(number, turn, kind))
                for kind in range(2)
            )
            chances, noises = map(np.random.default_rng, seeds)
            component, chance = chances.random((len(left), 2)).T
            components = _climb(self._hourly, hours[left], component)
            values[left] = self._drawn(
                self._parameters.legitimate,
                components,
                noises.standard_normal((len(left), len(INPUTS))),
            )
            left = left[~self._selection.keeps(values[left], chance)]
        return values

    def _drawn(self, mixture: Mixture, component: NDArray[np.int64], noise: Floats) -> Floats:
        values = mixture.sample(component, noise)
        values[:, -1] = self._parameters.amount(values[:, -1])
        return values


def _ladder(weights: Floats) -> Floats:
    """[H * K]: in each of H rows of weights their running sums, from h up to h + 1, one row after the other."""
    sums = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    sums[:, -1] = 1.0
    return np.asarray((sums + np.arange(len(weights))[:, None]).ravel(), np.float64)


def _climb(ladder: Floats, row: NDArray[np.int64], chance: Floats) -> NDArray[np.int64]:
    """The component that `chance` (0..1) falls on by the weights of `row`."""
    rungs = len(ladder) // int(np.round(ladder[-1]))
    component: NDArray[np.int64] = np.searchsorted(ladder, row + chance, side="right") - row * rungs
    return np.minimum(component, rungs - 1)
