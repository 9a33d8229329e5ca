"""A trained model on disk and in use.

    <models>/latest -> <version>       a relative link, replaced atomically
    <models>/<version>/model.ubj       the booster in XGBoost's own format; nothing here is a pickle
                       manifest.json   `model.manifest.Manifest` and `version`, a hash of all content
                       reference.parquet   out-of-fold rows: each scored by a booster that had not seen it
                       MODEL_CARD.md

Loading raises ArtefactError (`model.errors`): missing, damaged, of a newer or older format, or made for other features.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy.special import expit

from model.errors import (
    DamagedArtefactError,
    FeatureMismatchError,
    MissingArtefactError,
    NewerFormatError,
    OlderFormatError,
)
from model.manifest import FORMAT_VERSION, Manifest, sha256, version_of
from payments.contract import INPUTS, Decision, Thresholds

MODEL, MANIFEST, REFERENCE, CARD = (
    "model.ubj",
    "manifest.json",
    "reference.parquet",
    "MODEL_CARD.md",
)
HASHED = (MODEL, REFERENCE)
LATEST = "latest"


def probabilities(margins: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logistic function in float64: float64[n] margins to float64[n] probabilities, precise at both ends, without overflow."""
    return np.asarray(expit(np.asarray(margins, np.float64)), np.float64)


def decisions(probabilities: NDArray[np.float64], thresholds: Thresholds) -> list[Decision]:
    """`block` from thresholds.block on, else `review` from thresholds.review on, else `approve`; for float64[n] probabilities."""
    review, block = thresholds.review, thresholds.block
    return [
        "block" if p >= block else "review" if p >= review else "approve"
        for p in probabilities.tolist()
    ]


@dataclass(frozen=True)
class Model:
    """A loaded artefact. `typical_ranges` holds each feature's 1st and 99th percentile among legitimate training rows.

    It computes in the caller's thread alone: a worker of the stream is one thread, and more of them would take each other's cores.
    """

    directory: Path
    version: str
    manifest: Manifest
    booster: xgboost.Booster

    @classmethod
    def load(cls, directory: Path) -> "Model":
        """Loads and checks `<models>/<version>`; a link such as `latest` is followed once. Raises ArtefactError."""
        resolved = directory.resolve()
        version, manifest = _read_manifest(directory, resolved)
        content = {
            name: _checked(resolved / name, manifest.hashes.get(name, "")) for name in HASHED
        }
        if manifest.features != INPUTS:
            raise FeatureMismatchError(
                f"{directory} was made for other features than V1..V28, Amount, in this order; run: fraud train"
            )
        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray(content[MODEL]))
        booster.set_param({"nthread": 1})  # what was loaded may say otherwise
        if booster.feature_names != list(INPUTS):
            raise FeatureMismatchError(
                f"{resolved / MODEL} was made for other features than its manifest says; run: fraud train"
            )
        return cls(resolved, version, manifest, booster)

    @property
    def thresholds(self) -> Thresholds:
        """Probabilities from which a payment is looked at, and from which it is stopped."""
        return self.manifest.thresholds

    @property
    def features(self) -> tuple[str, ...]:
        """The booster's inputs in its order, which is that of `payments.contract.INPUTS`."""
        return self.manifest.features

    @property
    def typical_ranges(self) -> dict[str, tuple[float, float]]:
        """Feature to (1st, 99th percentile) among the legitimate rows that the booster was fitted on."""
        return self.manifest.usual

    @property
    def reference(self) -> Path:
        """Parquet of the out-of-fold rows in time order: Time, V1..V28, Amount, Class, margin, probability, fold.

        Margin and probability are calibrated, and by the booster of the row's fold, which had not seen it; not by this one, which has.
        """
        return self.directory / REFERENCE

    def margins(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """float32[n, 29] in the order of `features` to float64[n] log odds, calibrated, as the booster itself is."""
        return np.asarray(self.booster.inplace_predict(rows, predict_type="margin"), np.float64)

    def explain(self, rows: NDArray[np.float32]) -> tuple[float, NDArray[np.float64]]:
        """Exact TreeSHAP (Lundberg et al. 2020) of float32[n, 29], n >= 1: the base, and float64[n, 29] contributions, both in log odds.

        base + the sum of a row's contributions is its margin within 1e-4. It costs some hundred times a score: for alerts only.
        """
        matrix = xgboost.DMatrix(rows, feature_names=list(self.features), nthread=1)
        shares = np.asarray(self.booster.predict(matrix, pred_contribs=True), np.float64)
        return float(shares[0, -1]), shares[:, :-1]


def _read_manifest(directory: Path, resolved: Path) -> tuple[str, Manifest]:
    try:
        content: dict[str, Any] = json.loads((resolved / MANIFEST).read_text())
        newer, older = (
            content["format_version"] > FORMAT_VERSION,
            content["format_version"] < FORMAT_VERSION,
        )
        version = content.pop("version")
    except (FileNotFoundError, NotADirectoryError):
        raise MissingArtefactError(f"there is no model in {directory}; run: fraud train") from None
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise DamagedArtefactError(
            f"{resolved / MANIFEST} cannot be read ({error}); run: fraud train"
        ) from None
    if newer:
        raise NewerFormatError(
            f"{directory} has format {content['format_version']}, known is {FORMAT_VERSION}; update, or run: fraud train"
        )
    if older:
        raise OlderFormatError(
            f"{directory} has format {content['format_version']}, needed is {FORMAT_VERSION}; run: fraud train"
        )
    try:
        manifest = Manifest.model_validate(content)
    except ValidationError as error:
        raise DamagedArtefactError(
            f"{resolved / MANIFEST} is not a manifest ({error.error_count()} errors); run: fraud train"
        ) from None
    if version != version_of(content):
        raise DamagedArtefactError(
            f"{resolved / MANIFEST} was changed after it was written; run: fraud train"
        )
    return version, manifest


def _checked(path: Path, digest: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DamagedArtefactError(
            f"{path} cannot be read ({error.strerror}); run: fraud train"
        ) from None
    if sha256(content) != digest:
        raise DamagedArtefactError(f"{path} was changed after it was written; run: fraud train")
    return content
