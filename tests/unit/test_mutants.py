"""The mutants can be made: what each changes stands in the code, once. And what tests say about one is told rightly."""

import pytest
from mutants.catalogue import MUTANTS
from mutants.judging import CAUGHT, NOT_TOLD, SURVIVED, run
from support.paths import ROOT

BROKEN_END = """
@pytest.fixture
def after():
    yield
    raise OSError
"""


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_what_a_mutant_changes_is_there_once(mutant):
    for change in mutant.changes:
        assert (ROOT / change.path).read_text().count(change.old) == 1, change


@pytest.mark.parametrize(
    ("body", "outcome", "by"),
    [
        ("def test_it(): assert False", CAUGHT, "test_body.test_it: assert False"),
        ("def test_it(): raise OSError", CAUGHT, "test_body.test_it: OSError"),
        ("def test_it(): pass", SURVIVED, ""),
        ("def test_it(absent): assert False", NOT_TOLD, "test_body.test_it: failed on setup with"),
        (f"{BROKEN_END}def test_it(after): assert False", NOT_TOLD, "test_body.test_it: failed on teardown with"),
        ("@pytest.mark.timeout(0.1)\ndef test_it(): threading.Event().wait()", NOT_TOLD, "test_body.test_it: "),
        ("@pytest.mark.skip\ndef test_it(): assert False", NOT_TOLD, "no test ran"),
        ("import absent", NOT_TOLD, "test_body: collection failure"),
        ("def test_it(): os._exit(1)", NOT_TOLD, "pytest left no report"),
    ],
)  # fmt: skip
def test_only_a_test_that_fails_by_itself_catches_a_mutant(tmp_path, body, outcome, by):
    path = tmp_path / "test_body.py"
    path.write_text(f"import os, threading, pytest\n{body}\n")
    found = run(tmp_path, (str(path),))
    assert found.outcome == outcome
    assert found.by.startswith(by)
