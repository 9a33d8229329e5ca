"""What the simulator knows of the data: mixtures, quantiles of the amount, the rhythm of the day. No row is in it.

Every number is a mean, a covariance or a share over at least MIN_ROWS distinct transactions (MIN_FRAUDS for frauds), which `fit` asserts.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from producer.errors import DataError
from producer.simulation.mixture import Mixture, pack, unpack

MIN_ROWS = 100  # under each parameter about legitimate transactions: three times the 29 columns, so a covariance has full rank
MIN_FRAUDS = 30  # there are only 417 frauds in the training part
ATOM_ROWS = 50  # an amount that so many transactions have is a price, not somebody's payment
DEFAULT = Path(__file__).with_name("parameters.npz")
HOURS = 24

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Parameters:
    """All of the simulator's knowledge; 29 columns are V1..V28 in their own unit and the amount as its normal score.

    hourly: [24, K], the weights of `legitimate`'s components by hour of day. rate: [24] transactions an hour. fraud_share: 0..1.
    amount_scores, amounts: the amount's quantile function, a price at each end of its step. drawn, settled: [28, Q], the means of Q
    equal blocks of sorted values: of what `legitimate` gives for V1..V28, and of what the data has there. mean, sd: [29], of the
    legitimate rows, the amount in its own unit. rows_legitimate, rows_fraud: [K], the rows that each component rests on.
    """

    legitimate: Mixture
    fraud: Mixture
    hourly: Floats
    rate: Floats
    fraud_share: float
    amount_scores: Floats
    amounts: Floats
    drawn: Floats
    settled: Floats
    mean: Floats
    sd: Floats
    rows_legitimate: Floats
    rows_fraud: Floats

    def amount(self, scores: Floats) -> Floats:
        """Amounts in whole cents for normal scores, of any shape."""
        return np.round(np.interp(scores, self.amount_scores, self.amounts), 2)

    def settle(self, values: Floats) -> None:
        """Moves V1..V28 of `values` [n, 29], drawn from `legitimate`, to the data's quantiles in place; beyond the ends all by the same."""
        for column, (drawn, settled) in enumerate(zip(self.drawn, self.settled, strict=True)):
            old = values[:, column]
            inside = np.clip(old, drawn[0], drawn[-1])
            values[:, column] = old - inside + np.interp(inside, drawn, settled)

    def save(self, path: Path) -> None:
        """Writes arrays of numbers only, at the precision that they are used at: half for covariances' factors, single for the rest."""
        arrays: dict[str, NDArray[np.floating]] = {name: np.asarray(getattr(self, name), np.float32) for name in _PLAIN}
        for name in ("legitimate", "fraud"):
            mixture: Mixture = getattr(self, name)
            arrays |= {f"{name}_weights": mixture.weights.astype(np.float32), f"{name}_means": mixture.means.astype(np.float32)}
            arrays[f"{name}_factors"] = pack(mixture.factors).astype(np.float16)
        np.savez_compressed(path, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Path = DEFAULT) -> "Parameters":
        """Raises DataError if the file is not there or is no such file."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                arrays = {name: stored[name].astype(np.float64) for name in stored.files}
            mixtures = {
                name: Mixture(arrays[f"{name}_weights"], arrays[f"{name}_means"], unpack(arrays[f"{name}_factors"]))
                for name in ("legitimate", "fraud")
            }
            plain = {name: arrays[name] for name in _PLAIN}
        except (OSError, KeyError, ValueError) as error:
            raise DataError(f"{path} holds no parameters: {error}; make them with: python -m producer.simulation.fit") from None
        return cls(**mixtures, **(plain | {"fraud_share": float(plain["fraud_share"])}))  # type: ignore[arg-type]


_PLAIN = [field.name for field in fields(Parameters) if field.name not in ("legitimate", "fraud")]
