"""Generate chunks of transactions from parameters and a seed, in constant memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from payments.arrays import Flags, Floats, Ints
from payments.contract import COMPONENTS, INPUTS
from producer.simulation.arrival import DAY_S, HOUR_S, Arrivals
from producer.simulation.disturbance import NEW_FRAUD, Disturbance, disturb_values
from producer.simulation.mixture import Mixture
from producer.simulation.parameters import HOURS, Parameters
from producer.simulation.selection import Selection

# Fixed: numbers are drawn by chunk, so that the first rows never depend on the total.
CHUNK = 16_384
# Per transaction. About half are kept; one transaction in 256 takes the last, unselected candidate.
CANDIDATES = 8
_DECIMALS = 6  # of V1..V28: finer than any split, coarser than differences between machines


@dataclass(frozen=True)
class SimulationOptions:
    """Options of a simulation.

    fraud_share: None for the data's. rhythm: whether rate and mixture follow the hour of day.
    accounts: the number of accounts, 0 for none.
    """

    fraud_share: float | None = None
    rhythm: bool = True
    accounts: int = 0


@dataclass(frozen=True)
class Chunk:
    """n transactions, starting at row `first`.

    times: [n] whole seconds since the start at midnight. values: [n, 29] in the order of INPUTS,
    NaN for a missing field. is_fraud: [n]. accounts: [n] account numbers from 0, or None.
    """

    first: int
    times: Floats
    values: Floats
    is_fraud: Flags
    accounts: Ints | None


def simulate(
    parameters: Parameters,
    rows: int,
    seed: int,
    disturbances: Sequence[Disturbance] = (),
    options: SimulationOptions | None = None,
) -> Iterator[Chunk]:
    """Yield `rows` transactions, CHUNK at a time; the same arguments give the same numbers.

    A disturbance changes nothing before it begins and only its target afterwards: the random draws
    stay the same.
    """
    generator = _Generator(parameters, seed, disturbances, options or SimulationOptions())
    for first in range(0, rows, CHUNK):
        yield generator.draw(first, min(CHUNK, rows - first))


class _Generator:
    def __init__(
        self,
        parameters: Parameters,
        seed: int,
        disturbances: Sequence[Disturbance],
        options: SimulationOptions,
    ) -> None:
        self._parameters = parameters
        self._seed = seed
        self._disturbances = disturbances
        self._options = options
        rhythm = options.rhythm
        rate = parameters.rate if rhythm else np.full(HOURS, parameters.rate.mean())
        self._arrivals = Arrivals(rate, disturbances)
        hourly = parameters.hourly if rhythm else np.tile(parameters.legitimate.weights, (HOURS, 1))
        self._hourly = _cumulate(hourly)
        self._fraud = _cumulate(parameters.fraud.weights[None, :])
        self._selection = Selection(parameters.selection)
        self._share = parameters.fraud_share if options.fraud_share is None else options.fraud_share

    def draw(self, first: int, count: int) -> Chunk:
        random = np.random.default_rng([self._seed, first // CHUNK])
        gaps = random.standard_exponential(CHUNK)[:count]
        kind, component, chance, newcomer = random.random((4, CHUNK))[:, :count]
        noise = random.standard_normal((CHUNK, len(INPUTS)))[:count]
        accounts = (
            random.integers(self._options.accounts, size=CHUNK)[:count]
            if self._options.accounts
            else None
        )
        rows = np.arange(first, first + count)
        times = np.floor(self._arrivals.place(rows, gaps))
        known = kind < self._compute_fraud_share(rows, times)
        new = self._choose_new_frauds(rows, times, newcomer) & ~known
        values = self._draw_legitimate(first // CHUNK, (times % DAY_S // HOUR_S).astype(np.int64))
        frauds = _pick(self._fraud, np.zeros(int(known.sum()), np.int64), component[known])
        values[known] = self._sample(self._parameters.fraud, frauds, noise[known])
        for name, shift in NEW_FRAUD.items():
            column = INPUTS.index(name)
            values[new, column] += shift * self._parameters.sd[column]
        values[:, : len(COMPONENTS)] = np.round(values[:, : len(COMPONENTS)], _DECIMALS)
        disturb_values(
            self._disturbances,
            values,
            (rows, times),
            (self._parameters.mean, self._parameters.sd),
            chance,
        )
        return Chunk(first, times, values, known | new, accounts)

    def _compute_fraud_share(self, rows: Ints, times: Floats) -> Floats:
        share = np.full(len(rows), self._share)
        for disturbance in self._disturbances:
            if disturbance.kind == "fraud-rate":
                share[disturbance.find_active(rows, times)] *= disturbance.size
        return share

    def _choose_new_frauds(self, rows: Ints, times: Floats, chance: Floats) -> Flags:
        new = np.zeros(len(rows), bool)
        for disturbance in self._disturbances:
            if disturbance.kind == "new-fraud":
                new |= disturbance.find_active(rows, times) & (chance < disturbance.size)
        return new

    def _draw_legitimate(self, number: int, hours: Ints) -> Floats:
        """Return [n, 29]: for each row the first candidate that is kept, or the last."""
        values = np.empty((len(hours), len(INPUTS)))
        left = np.arange(len(hours))
        for turn in range(CANDIDATES):
            # Two generators, so that a row's draws do not depend on the number of rows after it.
            seeds = (
                np.random.SeedSequence(self._seed, spawn_key=(number, turn, kind))
                for kind in range(2)
            )
            chances, noises = map(np.random.default_rng, seeds)
            component, chance = chances.random((len(left), 2)).T
            components = _pick(self._hourly, hours[left], component)
            values[left] = self._sample(
                self._parameters.legitimate,
                components,
                noises.standard_normal((len(left), len(INPUTS))),
            )
            left = left[~self._selection.keep(values[left], chance)]
        return values

    def _sample(self, mixture: Mixture, component: Ints, noise: Floats) -> Floats:
        values = mixture.sample(component, noise)
        values[:, -1] = self._parameters.map_to_amounts(values[:, -1])
        return values


def _cumulate(weights: Floats) -> Floats:
    """Return [H * K]: the running sums of each of H rows of weights, scaled to h..h + 1."""
    sums = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    sums[:, -1] = 1.0
    return np.asarray((sums + np.arange(len(weights))[:, None]).ravel(), np.float64)


def _pick(ladder: Floats, row: Ints, chance: Floats) -> Ints:
    """Return the component that `chance` (0..1) selects by the weights of `row`."""
    rungs = len(ladder) // int(np.round(ladder[-1]))
    component: Ints = np.searchsorted(ladder, row + chance, side="right") - row * rungs
    return np.minimum(component, rungs - 1)
