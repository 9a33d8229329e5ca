"""`python tests/mutants [WORD]`: breaks a copy of the tree in one place after the other, and tells which test notices.

With a WORD, only the mutants whose name holds it. Exit code 1 when one survives, when it cannot be told, for a test came to no end or
could not begin, or when the tests fail without a mutant.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from catalogue import MUTANTS, Change, Mutant
from judging import CAUGHT, ROOT, SURVIVED, Verdict, run

JARS = Path(".run/kafka/jars")


@contextmanager
def copied() -> Iterator[Path]:
    """A copy of what git knows or would, in a folder of its own; Kafka's jars are shared."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = (
        subprocess.run(listed, cwd=ROOT, capture_output=True, check=True)
        .stdout.decode()
        .split("\0")
    )
    with tempfile.TemporaryDirectory(prefix="fraud-mutant-") as folder:
        for name in filter(None, names):
            if (ROOT / name).is_file():
                (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, Path(folder) / name)
        (Path(folder) / JARS.parent).mkdir(parents=True)
        (Path(folder) / JARS).symlink_to(ROOT / JARS)
        yield Path(folder)


def apply(change: Change, tree: Path) -> None:
    path = tree / change.path
    text = path.read_text()
    if text.count(change.old) != 1:
        sys.exit(f"{change.path} holds {text.count(change.old)} times, not once: {change.old!r}")
    path.write_text(text.replace(change.old, change.new))


def verdict(mutant: Mutant) -> Verdict:
    with copied() as tree:
        for change in mutant.changes:
            apply(change, tree)
        return run(tree, mutant.tests)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(word: str = "") -> int:
    chosen = [mutant for mutant in MUTANTS if word in mutant.name]
    with copied() as tree:  # else a test that always fails would catch every mutant
        unbroken = run(
            tree, tuple(dict.fromkeys(test for mutant in chosen for test in mutant.tests))
        )
    if unbroken.outcome != SURVIVED:
        sys.exit(f"the tests fail without a mutant: {unbroken.by}")
    outcomes = []
    say(f"{'mutant':70} {'outcome':8} seconds  by")
    for mutant in chosen:
        began = monotonic()
        found = verdict(mutant)
        outcomes.append(found.outcome)
        say(f"{mutant.name:70} {found.outcome:8} {monotonic() - began:7.1f}  {found.by}")
    return int(any(outcome != CAUGHT for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
