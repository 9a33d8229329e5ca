"""What the simulator knows of the data: mixtures, quantiles of the amount, the rhythm of the day. No row is in it.

Every number is a mean, a covariance or a share over at least MIN_ROWS distinct transactions (MIN_FRAUDS for frauds), which `fit` asserts.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

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
    """All of the simulator's knowledge; the mixtures' 29 columns are V1..V28 in their own unit and the amount's square root.

    The root, for much of V1..V28 follows it along straight lines. hourly: [24, K], the weights of `legitimate`'s components by hour of
    day. rate: [24] transactions an hour. fraud_share: 0..1. amounts: the amount's quantile function, a price at each end of its step;
    amount_roots: what `legitimate` gives for the root at the same levels. selection: the trees of `producer.simulation.selection`.
    mean, sd: [29], of the legitimate rows, the amount in its own unit. rows_legitimate, rows_fraud: [K], the rows that each component
    rests on.
    """

    legitimate: Mixture
    fraud: Mixture
    hourly: Floats
    rate: Floats
    fraud_share: float
    amount_roots: Floats
    amounts: Floats
    selection: NDArray[np.uint8]
    mean: Floats
    sd: Floats
    rows_legitimate: Floats
    rows_fraud: Floats

    def amount(self, roots: Floats) -> Floats:
        """Amounts in whole cents for what the mixtures give, of any shape: distributed as the data's, where roots are as `legitimate`'s."""
        return np.round(np.interp(roots, self.amount_roots, self.amounts), 2)

    def save(self, path: Path) -> None:
        """Writes arrays of numbers only, at the precision that they are used at: half for covariances' factors, single for the rest."""
        arrays: dict[str, NDArray[Any]] = {
            name: np.asarray(getattr(self, name), np.float32) for name in _PLAIN
        }
        for name in ("legitimate", "fraud"):
            mixture: Mixture = getattr(self, name)
            arrays |= {
                f"{name}_weights": mixture.weights.astype(np.float32),
                f"{name}_means": mixture.means.astype(np.float32),
            }
            arrays[f"{name}_factors"] = pack(mixture.factors).astype(np.float16)
        np.savez_compressed(path, allow_pickle=False, selection=self.selection, **arrays)

    @classmethod
    def load(cls, path: Path = DEFAULT) -> "Parameters":
        """Raises DataError if the file is not there or is no such file."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                selection = stored["selection"]
                arrays = {
                    name: stored[name].astype(np.float64)
                    for name in stored.files
                    if name != "selection"
                }
            mixtures = {
                name: Mixture(
                    arrays[f"{name}_weights"],
                    arrays[f"{name}_means"],
                    unpack(arrays[f"{name}_factors"]),
                )
                for name in ("legitimate", "fraud")
            }
            plain = {name: arrays[name] for name in _PLAIN}
        except (OSError, KeyError, ValueError) as error:
            raise DataError(
                f"{path} holds no parameters: {error}; make them with: python -m producer.simulation.fit"
            ) from None
        return cls(
            **mixtures,  # type: ignore[arg-type]
            selection=selection,
            **(plain | {"fraud_share": float(plain["fraud_share"])}),
        )


_PLAIN = [
    field.name
    for field in fields(Parameters)
    if field.name not in ("legitimate", "fraud", "selection")
]
