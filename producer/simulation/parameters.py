"""The simulator's knowledge of the data: mixtures, amount quantiles, daily rhythm. No rows.

Every number is a mean, a covariance or a share over at least MIN_ROWS distinct transactions
(MIN_FRAUDS for frauds); `fit` asserts this.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from payments.arrays import Floats
from producer.errors import DataError
from producer.simulation.mixture import Mixture, pack, unpack

# Under each parameter of legitimate rows: three times the 29 columns, for covariances of full rank.
MIN_ROWS = 100
MIN_FRAUDS = 30  # the training part has only 417 frauds
ATOM_ROWS = 50  # an amount shared by this many rows is a price, not one person's payment
DEFAULT = Path(__file__).with_name("parameters.npz")
HOURS = 24


@dataclass(frozen=True)
class Parameters:
    """Parameters of the simulator.

    The mixtures' 29 columns are V1..V28 in their units and the square root of the amount, which
    much of V1..V28 follows linearly.

    hourly: [24, K] weights of `legitimate`'s components by hour of day. rate: [24] transactions an
    hour. fraud_share: 0..1. amounts: the amount's quantile function, with a price at both ends of
    its step. amount_roots: the roots that `legitimate` yields at the same levels. selection: the
    trees of `producer.simulation.selection`. mean, sd: [29] of the legitimate rows, the amount in
    its unit. rows_legitimate, rows_fraud: [K] rows that support each component.
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

    def map_to_amounts(self, roots: Floats) -> Floats:
        """Map roots from the mixtures to amounts in whole cents, of any shape.

        Roots distributed like `legitimate`'s give amounts distributed like the data's.
        """
        return np.round(np.interp(roots, self.amount_roots, self.amounts), 2)

    def save(self, path: Path) -> None:
        """Write numeric arrays: covariance factors in half precision, the rest in single."""
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
        """Read a file written by `save`. Raise DataError if it is missing or invalid."""
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
                f"{path} holds no parameters: {error}; "
                "create them with: python -m producer.simulation.fit"
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
