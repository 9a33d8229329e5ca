"""Write artefacts, each in a temporary folder first, so that readers never see a part of one."""

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from model.artefact import CARD, HASHED, LATEST, MANIFEST, MODEL, REFERENCE, Model
from model.errors import ArtefactError
from model.manifest import FORMAT_VERSION, Manifest, Policy, derive_version, hash_content
from model.reports import card, card_test_part
from model.training.forward_cuts import try_policy
from model.training.patterns import count_patterns
from model.training.pipeline import TrainedModel
from payments.contract import Thresholds
from payments.schema.reading import Schema


def save(trained: TrainedModel, models: Path) -> Model:
    """Write `<models>/<version>`, point `latest` to it, and return the loaded model.

    The same content gives the same version and bytes.
    """
    models.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=models) as parent:
        folder = Path(parent) / "artefact"
        folder.mkdir()
        (folder / MODEL).write_bytes(trained.booster.save_raw("ubj"))
        trained.reference.to_parquet(
            folder / REFERENCE, engine="pyarrow", compression="zstd", index=False
        )
        return _publish(folder, trained.manifest, trained.reference, models, trained.schema)


def save_thresholds(model: Model, thresholds: Thresholds, policy: Policy, models: Path) -> Model:
    """Save `model` with other thresholds, without training: its booster and reference are copied.

    The new card keeps the record of every model with these trees for which the test part was
    opened.
    """
    models.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=models) as parent:
        folder = Path(parent) / "artefact"
        folder.mkdir()
        for name in HASHED:
            shutil.copyfile(model.directory / name, folder / name)
        reference = pd.read_parquet(folder / REFERENCE)
        manifest = model.manifest.model_copy(
            update={
                "format_version": FORMAT_VERSION,
                "thresholds": thresholds,
                "policy": policy,
                "cuts": try_policy(policy, reference, model.manifest),
                "patterns": count_patterns(reference, thresholds.review),
            }
        )
        opened = card_test_part.carry_over(_read_openings(model.directory))
        return _publish(folder, manifest, reference, models, model.schema, opened)


def _publish(
    folder: Path,
    manifest: Manifest,
    reference: pd.DataFrame,
    models: Path,
    schema: Schema,
    opened: Sequence[str] = (),
) -> Model:
    manifest = manifest.model_copy(
        update={"hashes": {name: hash_content((folder / name).read_bytes()) for name in HASHED}}
    )
    content = manifest.model_dump(mode="json")
    version = derive_version(content)
    (folder / MANIFEST).write_text(
        json.dumps({"version": version, **content}, indent=2, allow_nan=False) + "\n"
    )
    opened = card_test_part.merge_openings(_read_openings(models / version), opened)
    (folder / CARD).write_text(card.render_card(version, manifest, reference, schema, opened))
    _place(folder, models / version, schema)
    _name_latest(models, version)
    return Model.load(models / version, schema)


def _read_openings(directory: Path) -> list[str]:
    path = directory / CARD
    return card_test_part.parse_openings(path.read_text()) if path.exists() else []


def _place(folder: Path, target: Path, schema: Schema) -> None:
    """Move the folder to `target`; if that is intact already, replace only its card."""
    if target.exists():
        try:
            Model.load(target, schema)
        except ArtefactError:
            shutil.rmtree(target)
        else:
            (folder / CARD).replace(target / CARD)
            return
    folder.rename(target)


def _name_latest(models: Path, version: str) -> None:
    with tempfile.TemporaryDirectory(prefix=".new-", dir=models) as parent:
        link = Path(parent) / LATEST
        link.symlink_to(version)  # relative to the folder it is moved to
        link.replace(models / LATEST)
