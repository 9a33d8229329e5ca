"""The mutants can be made: what each changes stands in the code, once."""

import pytest
from mutants.catalogue import MUTANTS
from scorers import ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_what_a_mutant_changes_is_there_once(mutant):
    for change in mutant.changes:
        assert (ROOT / change.path).read_text().count(change.old) == 1, change
