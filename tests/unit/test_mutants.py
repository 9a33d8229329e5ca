"""Every mutant applies to the code, and test results are read correctly."""

import pytest
from mutants.catalogue import MUTANTS
from mutants.runner import CAUGHT, INCONCLUSIVE, SURVIVED, run_tests
from support.paths import ROOT

BROKEN_TEARDOWN = """
@pytest.fixture
def after():
    yield
    raise OSError
"""


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_code_that_a_mutant_replaces_occurs_once(mutant):
    for change in mutant.changes:
        assert (ROOT / change.path).read_text().count(change.old) == 1, change


@pytest.mark.parametrize(
    ("body", "outcome", "by"),
    [
        ("def test_it(): assert False", CAUGHT, "test_body.test_it: assert False"),
        ("def test_it(): raise OSError", CAUGHT, "test_body.test_it: OSError"),
        ("def test_it(): pass", SURVIVED, ""),
        (
            "def test_it(absent): assert False",
            INCONCLUSIVE,
            "test_body.test_it: failed on setup with",
        ),
        (
            f"{BROKEN_TEARDOWN}def test_it(after): assert False",
            INCONCLUSIVE,
            "test_body.test_it: failed on teardown with",
        ),
        (
            "@pytest.mark.timeout(0.1)\ndef test_it(): threading.Event().wait()",
            INCONCLUSIVE,
            "test_body.test_it: ",
        ),
        ("@pytest.mark.skip\ndef test_it(): assert False", INCONCLUSIVE, "no test ran"),
        ("import absent", INCONCLUSIVE, "test_body: collection failure"),
        ("def test_it(): os._exit(1)", INCONCLUSIVE, "pytest left no report"),
    ],
)
def test_only_a_failure_in_a_test_itself_catches_a_mutant(tmp_path, body, outcome, by):
    path = tmp_path / "test_body.py"
    path.write_text(f"import os, threading, pytest\n{body}\n")
    found = run_tests(tmp_path, (str(path),))
    assert found.outcome == outcome
    assert found.by.startswith(by)
