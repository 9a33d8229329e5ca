"""Gaussian mixtures with full covariance: fit by expectation maximization, sample, store.

Formulas: C. M. Bishop, "Pattern Recognition and Machine Learning", 2006, 9.2.2. scikit-learn's fit
keeps components supported by a handful of rows, which must not be stored, and computes in float64
over all rows at once.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from payments.arrays import Floats, Ints, Singles


@dataclass(frozen=True)
class Mixture:
    """K Gaussians in D dimensions.

    weights: [K], sum 1. means: [K, D]. factors: [K, D, D], lower Cholesky factors L of the
    covariances L L^T.
    """

    weights: Floats
    means: Floats
    factors: Floats

    def sample(self, component: Ints, noise: Floats) -> Floats:
        """Return [n, D] samples of each row's component from standard normal `noise` [n, D]."""
        out = np.empty_like(noise)
        order = np.argsort(component, kind="stable")
        edges = np.searchsorted(component[order], np.arange(len(self.weights) + 1))
        for k in np.flatnonzero(np.diff(edges)):
            rows = order[edges[k] : edges[k + 1]]
            out[rows] = self.means[k] + noise[rows] @ self.factors[k].T
        return out


def pack(factors: Floats) -> Floats:
    """Return the lower triangles, [K, D (D + 1) / 2]."""
    rows, columns = np.tril_indices(factors.shape[1])
    return factors[:, rows, columns]


def unpack(packed: Floats) -> Floats:
    """Undo `pack`: return [K, D, D]."""
    size = int(np.sqrt(2 * packed.shape[1]))
    factors = np.zeros((len(packed), size, size))
    rows, columns = np.tril_indices(size)
    factors[:, rows, columns] = packed
    return factors


def start(rows: Floats, labels: Ints, least: int, ridge: float) -> Mixture:
    """Return the mixture of the groups in `labels` [n] that have at least `least` rows."""
    names, counts = np.unique(labels, return_counts=True)
    groups = [rows[labels == name] for name in names[counts >= least]]
    eye = ridge * np.eye(rows.shape[1])
    weights = np.array([len(group) for group in groups], float)
    factors = np.stack([np.linalg.cholesky(np.cov(group.T) + eye) for group in groups])
    return Mixture(
        weights / weights.sum(), np.stack([group.mean(axis=0) for group in groups]), factors
    )


def assign_responsibilities(mixture: Mixture, rows: Singles) -> tuple[Singles, float]:
    """Return responsibilities [K, n], sum 1 over K, and the mean log likelihood plus a constant."""
    logs = np.empty((len(mixture.weights), len(rows)), np.float32)
    for k, (weight, mean, factor) in enumerate(
        zip(mixture.weights, mixture.means, mixture.factors, strict=True)
    ):
        inverse = np.linalg.inv(factor).T.astype(np.float32)
        whitened = (rows - mean.astype(np.float32)) @ inverse
        logs[k] = (
            np.log(weight)
            - np.log(np.diag(factor)).sum()
            - 0.5 * np.einsum("ij,ij->i", whitened, whitened)
        )
    top = logs.max(axis=0)
    shares: Singles = np.exp(logs - top)
    total = shares.sum(axis=0)
    return shares / total, float((top + np.log(total)).mean())


def fit(
    rows: Floats,
    labels: Ints,
    least: int,
    ridge: float,
    rounds: int,
    progress: Callable[[int, float], None],
) -> tuple[Mixture, Floats]:
    """Run `rounds` rounds of expectation maximization from the groups in `labels`.

    Return the mixture and each component's support in rows [K]. Drop a component once fewer than
    `least` rows support it. Add `ridge` to each variance.
    """
    mixture = start(rows, labels, least, ridge)
    support = np.empty(0)
    singles = rows.astype(np.float32)
    for turn in range(rounds):
        shares, likelihood = assign_responsibilities(mixture, singles)
        kept = shares[_count_effective_rows(shares) >= least]
        mixture = _maximize(kept, singles, ridge)
        support = _count_effective_rows(kept)
        progress(turn, likelihood)
    return mixture, support


def _count_effective_rows(shares: Singles) -> Floats:
    """Return Kish's effective number of rows.

    It is 1 for a component that is mostly one row, whatever the sum of the shares.
    """
    total = shares.sum(axis=1, dtype=np.float64)
    squares: Floats = np.einsum("ij,ij->i", shares, shares).astype(np.float64)
    support: Floats = total**2 / np.maximum(squares, 1e-12)
    return support


def _maximize(shares: Singles, rows: Singles, ridge: float) -> Mixture:
    totals = shares.sum(axis=1, dtype=np.float64)
    means = (shares @ rows).astype(np.float64) / totals[:, None]
    factors = np.empty((len(totals), rows.shape[1], rows.shape[1]))
    for k, share in enumerate(shares):
        near = share > _NEGLIGIBLE
        # float64: in float32 the rounding of a distant row is larger than the ridge
        offset = rows[near].astype(np.float64) - means[k]
        covariance = (offset * share[near, None]).T @ offset / totals[k]
        factors[k] = np.linalg.cholesky(covariance + ridge * np.eye(rows.shape[1]))
    return Mixture(totals / totals.sum(), means, factors)


_NEGLIGIBLE = 1e-4  # smaller shares change no covariance at half precision
