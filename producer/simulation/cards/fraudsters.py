"""Plan the frauds of a stream: the next episode of each pattern, and the payment that it follows.

Each pattern earns its share of every legitimate payment and spends what it makes, so that the share
of frauds is exact in the long run. Nothing depends on payments that come later.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from payments.arrays import Floats, Ints
from producer.simulation.cards.episodes import Episode, take_over, try_cards, use_stolen_card
from producer.simulation.cards.incidents import NOWHERE, Slots, charge_for_nothing, misuse_card
from producer.simulation.cards.labels import draw_delay
from producer.simulation.cards.numbers import hash_numbers, to_shares
from producer.simulation.cards.payment import PATTERNS, Payments, make_payments
from producer.simulation.cards.population import Population

# Shares of the frauds.
MIX = {
    "card_testing": 0.20,
    "stolen_card": 0.25,
    "account_takeover": 0.20,
    "compromised_terminal": 0.25,
    "colluding_merchant": 0.10,
}
_MISUSED = 0.9  # of the cards that pay at a compromised terminal, at most
# Payments of an episode: the fewest, and one more than the most.
SIZES = {
    "card_testing": (6, 21),
    "stolen_card": (5, 11),
    "account_takeover": (2, 7),
    "compromised_terminal": (1, 4),
    "colluding_merchant": (1, 2),
}
_MAKERS: dict[str, Callable[[Episode], Payments]] = {
    "card_testing": try_cards,
    "stolen_card": use_stolen_card,
    "account_takeover": take_over,
    "compromised_terminal": misuse_card,
}


@dataclass
class _Budget:
    """The payments that a pattern has earned and spent, and the number of its episodes."""

    earned: float = 0.0
    spent: float = 0.0
    episodes: int = 0

    def earn(self, shares: Floats) -> Floats:
        """Return the sum earned up to each payment, and keep the last."""
        earned = self.earned + np.cumsum(shares)
        self.earned = float(earned[-1])
        return earned


class Fraudsters:
    """Plan the frauds of each chunk of legitimate payments."""

    def __init__(self, population: Population, seed: int, rows_a_day: float, start: int) -> None:
        """`rows_a_day`: expected frauds. `start`: of the simulation, ms since 1970."""
        self._population = population
        self._seed = seed
        self._budgets = {name: _Budget() for name in MIX}
        self._terminals = Slots([seed, 6], rows_a_day * MIX["compromised_terminal"], start)
        self._merchants = Slots([seed, 7], rows_a_day * MIX["colluding_merchant"], start)

    def plan(self, legitimate: Payments, shares: Floats) -> Payments:
        """Return the frauds that begin among these payments, in no order; some are weeks later.

        `legitimate`: in time order, each chunk after the one before. `shares`: [n], the frauds for
        each of them.
        """
        times = legitimate["time"]
        terminals = legitimate["terminal"]
        merchants = legitimate["merchant"]
        quiet = self._population.merchants.quiet[merchants]
        self._terminals.advance(np.where(quiet & (terminals >= 0), terminals, NOWHERE), times)
        self._merchants.advance(np.where(quiet, merchants, NOWHERE), times)
        seen = self._terminals.find(terminals, times)
        copied = to_shares(hash_numbers(self._seed, times[seen], seen)) < _MISUSED
        victims = {"compromised_terminal": seen[copied]}
        everybody = np.arange(len(legitimate))
        return np.concatenate(
            [
                frauds
                for name in MIX
                for frauds in self._make(
                    name, legitimate, victims.get(name, everybody), shares * MIX[name]
                )
            ]
            or [make_payments(0)]
        )

    def _make(
        self, name: str, legitimate: Payments, victims: Ints, shares: Floats
    ) -> Iterator[Payments]:
        """Yield one pattern's frauds, an episode at a time. `victims`: possible ones, in order."""
        budget = self._budgets[name]
        earned = budget.earn(shares)[victims]
        number = PATTERNS.index(name)
        next_victim = 0
        while True:
            random = np.random.default_rng([self._seed, 2, number, budget.episodes])
            size = int(random.integers(*SIZES[name]))
            due = int(np.searchsorted(earned, budget.spent + size * random.random()))
            next_victim = max(next_victim, due)
            if next_victim == len(victims):
                return
            victim = legitimate[victims[next_victim]]
            next_victim += 1
            frauds = self._carry_out(
                name,
                Episode(
                    self._population, number, budget.episodes, size, victim, self._seed, random
                ),
            )
            budget.spent += size
            budget.episodes += 1
            frauds["pattern"] = number
            frauds["labelled"] = frauds["time"].max() + draw_delay(name, random)
            yield frauds

    def _carry_out(self, name: str, episode: Episode) -> Payments:
        if name != "colluding_merchant":
            return _MAKERS[name](episode)
        merchant = self._merchants.choose(episode.victim["time"], episode.random.random())
        return charge_for_nothing(episode, merchant)
