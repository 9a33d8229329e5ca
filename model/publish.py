"""Writing an artefact: to a temporary folder first, so that a reader sees all of it or nothing."""

import json
import shutil
import tempfile
from pathlib import Path

from model import card
from model.artefact import CARD, HASHED, LATEST, MANIFEST, MODEL, REFERENCE, Model
from model.contract import INPUTS
from model.errors import ArtefactError
from model.manifest import Manifest, sha256, version_of
from model.training import PARAMETERS, TREES, Trained


def save(trained: Trained, models: Path) -> Model:
    """Writes `<models>/<version>`, lets `latest` name it, and returns it loaded. The same content is the same version and bytes."""
    models.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=models) as parent:
        folder = Path(parent) / "artefact"
        folder.mkdir()
        version = _write(trained, folder)
        _place(folder, models / version)
    _name_latest(models, version)
    return Model.load(models / version)


def _write(trained: Trained, folder: Path) -> str:
    (folder / MODEL).write_bytes(trained.booster.save_raw("ubj"))
    trained.reference.to_parquet(folder / REFERENCE, engine="pyarrow", compression="zstd", index=False)
    manifest = Manifest(
        features=INPUTS,
        thresholds=trained.thresholds,
        calibration=trained.calibration,
        usual=trained.usual,
        hashes={name: sha256((folder / name).read_bytes()) for name in HASHED},
        fitted_on=trained.fitted_on,
        held_back=trained.held_back,
        test=trained.test,
        parameters=PARAMETERS,
        trees=TREES,
    )
    content = manifest.model_dump(mode="json")
    version = version_of(content)
    (folder / MANIFEST).write_text(json.dumps({"version": version, **content}, indent=2) + "\n")
    (folder / CARD).write_text(card.text(version, manifest, trained.reference))
    return version


def _place(folder: Path, target: Path) -> None:
    """Moves the folder to where readers look; an intact artefact of the same version stays as it is."""
    if target.exists():
        try:
            Model.load(target)
        except ArtefactError:
            shutil.rmtree(target)
        else:
            return
    folder.rename(target)


def _name_latest(models: Path, version: str) -> None:
    with tempfile.TemporaryDirectory(prefix=".new-", dir=models) as parent:
        link = Path(parent) / LATEST
        link.symlink_to(version)  # resolved from where it is moved to
        link.replace(models / LATEST)
