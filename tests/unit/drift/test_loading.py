import subprocess
import sys

import numpy as np
import pytest
from support.data.transactions import CREDITCARD

from drift import loading
from drift.detect import reference
from drift.detect.reference_profile import measure
from drift.errors import NoReferenceError
from model.errors import ArtefactError


def test_loading_in_a_child_gives_the_same_result(model):
    known, found = loading.load(model.directory, CREDITCARD)
    here = reference.load(model.directory, CREDITCARD)
    assert known.version == here.version == model.version
    assert np.array_equal(known.detector.sample, here.detector.sample)
    assert found == measure(model)


def test_errors_of_the_child_are_raised_here(tmp_path, model):
    with pytest.raises(ArtefactError, match=r"there is no model in .*; run: fraud train"):
        loading.load(tmp_path, CREDITCARD)
    for file in model.directory.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "reference.parquet").write_bytes(b"")
    with pytest.raises((ArtefactError, NoReferenceError), match="fraud train"):
        loading.load(tmp_path, CREDITCARD)


@pytest.mark.parametrize("heavy", ["pandas", "pyarrow", "xgboost", "sklearn"])
def test_the_monitor_imports_no_large_packages(heavy):
    modules = "cli.commands.monitor, drift.labels.labelling, drift.loading, drift.monitor"
    code = f"import sys, {modules}, drift.reports.process; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
