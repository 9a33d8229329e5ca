"""The commands of docs/model.md run, word for word, and write what the page says.

`fraud train` is not run here, because the model of the other tests comes from it. The baselines
take minutes, and run only with `make docs-test`.
"""

import os
import shutil
import sys
from pathlib import Path

import pytest
from support.commands import run
from support.doc_pages import read_shell_blocks
from support.paths import ROOT

COMMANDS = read_shell_blocks("docs/model.md")


def test_the_page_has_these_commands():
    expected = [
        f".venv/bin/fraud {name}"
        for name in ("explore", "train", "evaluate", "evaluate --baselines")
    ]
    assert expected == COMMANDS


@pytest.mark.parametrize(
    ("command", "says", "page"),
    [
        (COMMANDS[0], "rows over", "exploration"),
        (COMMANDS[2], "frauds among", "evaluation"),
        pytest.param(
            COMMANDS[3],
            "frauds among",
            "evaluation",
            marks=[pytest.mark.long, pytest.mark.timeout(1200)],
        ),
    ],
)
def test_a_command_runs_and_writes_its_report(command, says, page, model, creditcard, tmp_path):
    # the command updates the model's card
    copy = shutil.copytree(model.directory, tmp_path / "models" / model.version)
    variables = os.environ | {
        "FRAUD_HOME": str(tmp_path),
        "FRAUD_MODEL_DIR": str(copy),
        "FRAUD_DATA": str(creditcard),
    }
    local = command.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    done = run(["bash", "-c", local], env=variables, cwd=ROOT, timeout=1000)
    assert done.returncode == 0, done.stderr
    assert says in done.stdout.splitlines()[0]
    assert [path.suffix for path in (tmp_path / page).iterdir()] == [".html"]
