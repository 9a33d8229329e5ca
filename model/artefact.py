"""A trained model on disk and in use.

    <models>/latest -> <version>    a relative link, replaced atomically
    <models>/<version>/
        model.ubj                   the booster in XGBoost's own format; nothing here is a pickle
        manifest.json               `model.manifest.Manifest` and `version`, a hash of all content
        reference.parquet           out-of-fold rows, each scored by a booster that had not seen it
        MODEL_CARD.md               the training data, the settings and the measured quality

Loading raises ArtefactError (`model.errors`) if the artefact is missing, damaged, of another
format, or made for other features.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from pydantic import ValidationError
from scipy.special import expit

from model.errors import (
    DamagedArtefactError,
    FeatureMismatchError,
    MissingArtefactError,
    NewerFormatError,
    OlderFormatError,
)
from model.manifest import (
    FORMAT_VERSION,
    OLDEST_FORMAT,
    Manifest,
    Usual,
    derive_version,
    hash_content,
)
from payments.arrays import Floats, Singles
from payments.contract import Decision, Thresholds
from payments.decoder import TransactionDecoder
from payments.features import FeatureEncoder
from payments.schema.reading import Schema

MODEL = "model.ubj"
MANIFEST = "manifest.json"
REFERENCE = "reference.parquet"
CARD = "MODEL_CARD.md"
HASHED = (MODEL, REFERENCE)
LATEST = "latest"
_SHOWN_NAMES = 5


def compute_probabilities(margins: Floats) -> Floats:
    """Return the logistic function of float64[n] margins (log odds), as float64[n].

    Computed in float64: precise at both ends, without overflow.
    """
    return np.asarray(expit(np.asarray(margins, np.float64)), np.float64)


def decide(probabilities: Floats, thresholds: Thresholds) -> list[Decision]:
    """Return the decision for each of float64[n] probabilities.

    `block` at or above thresholds.block, otherwise `review` at or above thresholds.review,
    otherwise `approve`.
    """
    review = thresholds.review
    block = thresholds.block
    decided: list[Decision] = ["approve"] * len(probabilities)
    # Nearly all payments are approved, so only the others are looped over.
    for index in np.flatnonzero(probabilities >= min(review, block)).tolist():
        decided[index] = "block" if probabilities[index] >= block else "review"
    return decided


@dataclass(frozen=True)
class Model:
    """A loaded artefact.

    It computes in the caller's thread only: each stream worker is one thread, and more threads
    would compete for the same cores.
    """

    directory: Path
    version: str
    manifest: Manifest
    booster: xgboost.Booster
    decoder: TransactionDecoder

    @classmethod
    def load(cls, directory: Path, schema: Schema) -> "Model":
        """Load and check `<models>/<version>`, following a link such as `latest`.

        `schema` is that of the payments to score.

        Raises ArtefactError.
        """
        resolved = directory.resolve()
        version, manifest = _read_manifest(directory, resolved)
        content = {
            name: _read_checked(resolved / name, manifest.hashes.get(name, "")) for name in HASHED
        }
        _check_schema(directory, manifest, schema)
        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray(content[MODEL]))
        booster.set_param({"nthread": 1})  # the loaded file may have set another value
        if booster.feature_names != list(manifest.features):
            raise FeatureMismatchError(
                f"{resolved / MODEL} was made for other features than its manifest says; "
                "run: fraud train"
            )
        decoder = TransactionDecoder(FeatureEncoder(schema, manifest.categories))
        return cls(resolved, version, manifest, booster, decoder)

    @property
    def schema(self) -> Schema:
        """What the payments look like that it scores."""
        return self.decoder.schema

    @property
    def thresholds(self) -> Thresholds:
        """Lowest probabilities at which a payment is reviewed and blocked."""
        return self.manifest.thresholds

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the booster's inputs in its order, that of the schema."""
        return self.manifest.features

    @property
    def typical_ranges(self) -> dict[str, Usual]:
        """Feature to (1st, 99th percentile) among the legitimate rows the booster was fitted on.

        Of a category, the share of each value.
        """
        return self.manifest.usual

    @property
    def reference(self) -> Path:
        """Path of a Parquet file with the out-of-fold rows in time order.

        Columns: Time, V1..V28, Amount, Class, margin, probability, fold. Margin and probability are
        calibrated, and come from the booster of the row's fold, which had not seen the row. Then
        those of `model.training.forward_cuts` and `model.training.patterns`, which older models
        lack.
        """
        return self.directory / REFERENCE

    def compute_margins(self, rows: Singles) -> Floats:
        """Return float64[n] calibrated log odds of float32[n, features] rows.

        Columns are in the order of `features`.
        """
        return np.asarray(self.booster.inplace_predict(rows, predict_type="margin"), np.float64)

    def explain(self, rows: Singles) -> tuple[float, Floats]:
        """Return the base and float64[n, features] contributions of float32[n, features].

        n >= 1. Exact TreeSHAP (Lundberg et al. 2020), in log odds. The base plus the sum of a row's
        contributions is its margin within 1e-4. This takes about 100 times as long as scoring, so
        only alerts are explained.
        """
        matrix = xgboost.DMatrix(
            rows,
            feature_names=list(self.features),
            feature_types=self.decoder.encoder.feature_types,
            nthread=1,
        )
        contributions = np.asarray(self.booster.predict(matrix, pred_contribs=True), np.float64)
        return float(contributions[0, -1]), contributions[:, :-1]


def _check_schema(directory: Path, manifest: Manifest, schema: Schema) -> None:
    """Raise FeatureMismatchError if a model was trained for another schema."""
    names = tuple(feature.name for feature in schema.features)
    trained_for = manifest.schema_reference
    if manifest.features == names and trained_for in (None, schema.reference):
        return
    lacking = [name for name in names if name not in manifest.features]
    extra = [name for name in manifest.features if name not in names]
    differences = [
        *([f"it lacks {_shorten(lacking)}"] if lacking else []),
        *([f"it also has {_shorten(extra)}"] if extra else []),
    ]
    difference = " and ".join(differences) or "the features have the same names"
    raise FeatureMismatchError(
        f"{directory} was trained for the schema {trained_for or 'of an earlier release'}, and "
        f"these payments have {schema.reference}: {difference}; pass the model's schema with "
        "--schema, or run: fraud train"
    )


def _shorten(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN_NAMES])
    return shown if len(names) <= _SHOWN_NAMES else f"{shown} and {len(names) - _SHOWN_NAMES} more"


def _read_manifest(directory: Path, resolved: Path) -> tuple[str, Manifest]:
    try:
        content: dict[str, Any] = json.loads((resolved / MANIFEST).read_text())
        newer = content["format_version"] > FORMAT_VERSION
        older = content["format_version"] < OLDEST_FORMAT
        version = content.pop("version")
    except (FileNotFoundError, NotADirectoryError):
        raise MissingArtefactError(f"there is no model in {directory}; run: fraud train") from None
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise DamagedArtefactError(
            f"{resolved / MANIFEST} cannot be read ({error}); run: fraud train"
        ) from None
    if newer:
        raise NewerFormatError(
            f"{directory} has format {content['format_version']}, this release reads "
            f"{OLDEST_FORMAT} to {FORMAT_VERSION}; update, or run: fraud train"
        )
    if older:
        raise OlderFormatError(
            f"{directory} has format {content['format_version']}, this release reads "
            f"{OLDEST_FORMAT} to {FORMAT_VERSION}; run: fraud train"
        )
    try:
        manifest = Manifest.model_validate(content)
    except ValidationError as error:
        raise DamagedArtefactError(
            f"{resolved / MANIFEST} is not a manifest ({error.error_count()} errors); "
            "run: fraud train"
        ) from None
    if version != derive_version(content):
        raise DamagedArtefactError(
            f"{resolved / MANIFEST} was changed after it was written; run: fraud train"
        )
    return version, manifest


def _read_checked(path: Path, digest: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DamagedArtefactError(
            f"{path} cannot be read ({error.strerror}); run: fraud train"
        ) from None
    if hash_content(content) != digest:
        raise DamagedArtefactError(f"{path} was changed after it was written; run: fraud train")
    return content
