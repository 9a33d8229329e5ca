"""Break a copy of the code in one place at a time, and report which test catches it.

    python tests/mutants [WORD]

WORD selects the mutants whose name contains it. The exit code is 1 if a mutant survives, if its
tests are inconclusive (a timeout, an error in a fixture), or if they fail without a mutant.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from catalogue import MUTANTS, Change, Mutant
from runner import CAUGHT, ROOT, SURVIVED, Verdict, run_tests

JARS = Path(".run/kafka/jars")


@contextmanager
def copy_tree() -> Iterator[Path]:
    """Copy the files that git does not ignore to a temporary folder that shares Kafka's jars."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    with tempfile.TemporaryDirectory(prefix="fraud-mutant-") as folder:
        tree = Path(folder)
        for name in filter(None, listed.stdout.split("\0")):
            if os.path.lexists(ROOT / name):
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, tree / name, follow_symlinks=False)
        (tree / JARS.parent).mkdir(parents=True)
        (tree / JARS).symlink_to(ROOT / JARS)
        yield tree


def apply(change: Change, tree: Path) -> None:
    path = tree / change.path
    text = path.read_text()
    if text.count(change.old) != 1:
        sys.exit(f"{text.count(change.old)} times in {change.path}, not once: {change.old!r}")
    path.write_text(text.replace(change.old, change.new))


def try_mutant(mutant: Mutant) -> Verdict:
    with copy_tree() as tree:
        for change in mutant.changes:
            apply(change, tree)
        return run_tests(tree, mutant.tests)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(
        "tests/mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("word", metavar="WORD", nargs="?", default="")
    word = parser.parse_args().word
    chosen = [mutant for mutant in MUTANTS if word in mutant.name]
    if not chosen:  # without this, all tests would run, and no mutant
        names = "\n".join(mutant.name for mutant in MUTANTS)
        sys.exit(f"no mutant's name contains {word!r}; there are:\n{names}")
    with copy_tree() as tree:  # otherwise a test that always fails would catch every mutant
        tests = tuple(dict.fromkeys(test for mutant in chosen for test in mutant.tests))
        unbroken = run_tests(tree, tests)
    if unbroken.outcome != SURVIVED:
        sys.exit(f"the tests fail without a mutant: {unbroken.by}")
    outcomes = []
    say(f"{'mutant':70} {'outcome':8} seconds  by")
    for mutant in chosen:
        began = monotonic()
        result = try_mutant(mutant)
        outcomes.append(result.outcome)
        say(f"{mutant.name:70} {result.outcome:8} {monotonic() - began:7.1f}  {result.by}")
    return int(any(outcome != CAUGHT for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
