"""Calibration: an affine map of the margin, fitted on rows that the booster had not seen."""

import json
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import xgboost
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from model.intervals import Interval, estimate_share
from model.manifest import Calibration
from payments.arrays import Flags, Floats

# Most payments score far below 0.001, so the bins widen towards 1.
RELIABILITY_EDGES = (0.0, 0.001, 0.01, 0.1, 0.5, 0.9, 1.0)

_NO_CHILD = -1  # in XGBoost's JSON


@dataclass(frozen=True)
class ReliabilityBin:
    """Rows with a probability in [low, high), or up to 1 in the last bin.

    Compares their mean predicted probability with their actual number of frauds.
    """

    low: float
    high: float
    rows: int
    mean_probability: float
    frauds: int

    @property
    def fraud_share(self) -> Interval:
        """Actual share of frauds, with Wilson's interval."""
        return estimate_share(self.frauds, self.rows)


@dataclass(frozen=True)
class CalibrationQuality:
    """How well probabilities match the truth: errors over all rows, and by bins."""

    brier: float
    log_loss: float
    bins: list[ReliabilityBin]


def fit_platt_scaling(raw: Floats, is_fraud: Flags) -> Calibration:
    """Return the Platt scaling of float64[n] raw margins by bool[n] truth of both classes.

    J. Platt, Probabilistic Outputs for Support Vector Machines, 1999, with his targets (frauds +
    1) / (frauds + 2) and 1 / (legitimate + 2), which keep the fit finite if the classes do not
    overlap. Margins that rank frauds below the rest are left unchanged, because reversing their
    order would not be a calibration.
    """
    frauds = int(is_fraud.sum())
    legitimate = int((~is_fraud).sum())
    target = np.where(is_fraud, (frauds + 1) / (frauds + 2), 1 / (legitimate + 2))
    # A target between 0 and 1 becomes a row of each class, weighted by it. C=inf: no penalty.
    fitted = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(
        np.concatenate([raw, raw])[:, None],
        np.repeat([1, 0], len(raw)),
        sample_weight=np.concatenate([target, 1 - target]),
    )
    scale = float(fitted.coef_[0, 0])
    offset = float(fitted.intercept_[0])
    return Calibration(scale=scale, offset=offset) if scale > 0 else Calibration()


def calibrate_booster(booster: xgboost.Booster, calibration: Calibration) -> xgboost.Booster:
    """Return a booster whose own margin is scale x margin + offset.

    Its leaves are scaled and its base score moved, so that model.ubj loaded with XGBoost alone
    gives the same margins and contributions as the alerts.
    """
    content = json.loads(booster.save_raw("json"))
    learner = content["learner"]
    for tree in learner["gradient_booster"]["model"]["trees"]:
        values = tree["split_conditions"]  # an inner node's threshold, or a leaf's value
        for node, left in enumerate(tree["left_children"]):
            if left == _NO_CHILD:
                values[node] *= calibration.scale
    base = float(learner["learner_model_param"]["base_score"].strip("[]"))  # a probability
    moved = float(expit(calibration.scale * logit(base) + calibration.offset))
    learner["learner_model_param"]["base_score"] = f"[{moved!r}]"
    scaled = xgboost.Booster()
    scaled.load_model(bytearray(json.dumps(content, allow_nan=False).encode()))
    return scaled


def measure_calibration(probabilities: Floats, is_fraud: Flags) -> CalibrationQuality:
    """Measure float64[n] probabilities against bool[n] truth."""
    return CalibrationQuality(
        brier=compute_brier_score(probabilities, is_fraud),
        log_loss=float(log_loss(is_fraud, probabilities)),
        bins=bin_reliability(probabilities, is_fraud),
    )


def compute_brier_score(probabilities: Floats, is_fraud: Flags) -> float:
    """Return the mean squared error of float64[n] probabilities against bool[n] truth.

    G. Brier, 1950.
    """
    return float(np.mean((probabilities - is_fraud) ** 2))


def bin_reliability(probabilities: Floats, is_fraud: Flags) -> list[ReliabilityBin]:
    """Compare predicted with actual fraud between RELIABILITY_EDGES, without empty bins."""
    bins = []
    for low, high in pairwise(RELIABILITY_EDGES):
        inside = (probabilities >= low) & ((probabilities < high) | (high == 1.0))
        if inside.any():
            bins.append(
                ReliabilityBin(
                    low,
                    high,
                    int(inside.sum()),
                    float(probabilities[inside].mean()),
                    int(is_fraud[inside].sum()),
                )
            )
    return bins
