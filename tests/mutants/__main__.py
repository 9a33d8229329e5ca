"""`python tests/mutants [WORD]`: breaks a copy of the tree in one place after the other, and tells which tests notice.

With a WORD, only the mutants whose name holds it. Exit code 1 when one survives, or when its tests fail without it.
"""

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

ROOT = Path(__file__).resolve().parents[2]
JARS = Path(".run/kafka/jars")
FAILED, PASSED = 1, 0  # pytest's exit codes; any other is no verdict


@contextmanager
def copied() -> Iterator[Path]:
    """A copy of what git knows or would, in a folder of its own; Kafka's jars are shared."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
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


def verdict(tree: Path, tests: tuple[str, ...]) -> int:
    """pytest's exit code in this tree: everything is imported from there, also by the processes that the tests start."""
    model = os.environ.get("FRAUD_MODEL_DIR") or str(ROOT / ".run/models/latest")
    environment = os.environ | {"PYTHONPATH": str(tree), "FRAUD_MODEL_DIR": model, "PYTHONDONTWRITEBYTECODE": "1", "FRAUD_TESTS": "long"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, check=False).returncode


def outcome(mutant: Mutant) -> str:
    with copied() as tree:
        for change in mutant.changes:
            apply(change, tree)
        code = verdict(tree, mutant.tests)
    return {FAILED: "caught", PASSED: "SURVIVED"}.get(code, f"NO VERDICT: pytest ended with {code}")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(word: str = "") -> int:
    chosen = [mutant for mutant in MUTANTS if word in mutant.name]
    with copied() as tree:  # else a test that always fails would catch every mutant
        if verdict(tree, tuple(dict.fromkeys(test for mutant in chosen for test in mutant.tests))) != PASSED:
            sys.exit("the tests fail without a mutant")
    outcomes = []
    say(f"{'mutant':70} {'outcome':10} {'by':85} seconds")
    for mutant in chosen:
        began = monotonic()
        outcomes.append(outcome(mutant))
        say(f"{mutant.name:70} {outcomes[-1]:10} {' '.join(mutant.tests):85} {monotonic() - began:6.1f}")
    return int(any(found != "caught" for found in outcomes))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
