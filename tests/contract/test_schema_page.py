"""The schema reference lists every key, its examples pass the check, and its commands run."""

import re
import shlex

import pytest
from support.data import own_payments
from support.doc_pages import read_shell_blocks
from support.paths import ROOT

from payments.schema import declaration
from payments.schema.declaration import FieldType
from payments.schema.reading import parse_schema

PAGE = "docs/schema.md"
TEXT = (ROOT / PAGE).read_text()
EXAMPLES = re.findall(r"```toml\n(.+?)```", TEXT, re.DOTALL)
TABLES = {
    "| key |": [
        declaration.Declaration,
        declaration.Roles,
        declaration.FieldDeclaration,
        declaration.Features,
    ],
    "| key of velocity |": [declaration.Velocity],
    "| key of risk |": [declaration.Risk],
    "| key of labels |": [declaration.Labels],
    "| type |": [],
}


def read_tables(heading):
    """The first column of each table whose header begins with `heading`."""
    tables = re.findall(rf"^{re.escape(heading)}.*\n\|[-|]+\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    return [re.findall(r"^\| `(\w+)`", table, re.MULTILINE) for table in tables]


@pytest.mark.parametrize("heading", TABLES)
def test_every_key_is_listed(heading):
    models = [list(model.model_fields) for model in TABLES[heading]]
    assert read_tables(heading) == (models or [list(FieldType.__args__)])


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_pass_the_check(example, tmp_path):
    assert parse_schema(example, "example.toml", tmp_path).features


def test_the_commands_run(tmp_path, monkeypatch, run_fraud):
    monkeypatch.chdir(tmp_path)
    own_payments.write_csv(tmp_path / "payments.csv", own_payments.make(200))
    for block in read_shell_blocks("docs/schema.md"):
        for line in block.splitlines():
            program, *words = shlex.split(line)
            assert program == "fraud"
            run_fraud.succeed(*words)
