"""Run tests on a copy of the tree, and judge by pytest's report.

Its exit code is no help: it is the same for a failed test and an error in a fixture.
"""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CAUGHT = "caught"
SURVIVED = "SURVIVED"
INCONCLUSIVE = "UNCLEAR"
# pytest-timeout's message: the test did not end, and so caught nothing
_TIMEOUT = "Failed: Timeout (>"


@dataclass(frozen=True)
class Verdict:
    """CAUGHT if a test failed, SURVIVED if all passed, otherwise INCONCLUSIVE.

    `by` names the tests that failed or were inconclusive, and why.
    """

    outcome: str
    by: str = ""


def read_verdict(report: Path) -> Verdict:
    """Return the verdict of a pytest report (JUnit XML).

    An error in a fixture, a timeout and a pytest that died are inconclusive.
    """
    if not report.exists():
        return Verdict(INCONCLUSIVE, "pytest left no report")
    failed: list[str] = []
    inconclusive: list[str] = []
    ran = 0
    for case in ET.parse(report).iter("testcase"):
        ran += case.find("skipped") is None
        for problem in case.findall("failure") + case.findall("error"):
            why = problem.get("message", "").partition("\n")[0]
            # the class name matters: hypothesis calls every state machine's test runTest
            name = ".".join(filter(None, (case.get("classname"), case.get("name"))))
            noticed = problem.tag == "failure" and not why.startswith(_TIMEOUT)
            (failed if noticed else inconclusive).append(f"{name}: {why}")
    if inconclusive or not ran:
        return Verdict(INCONCLUSIVE, " ".join(inconclusive) or "no test ran")
    return Verdict(CAUGHT, " ".join(failed)) if failed else Verdict(SURVIVED)


def run_tests(tree: Path, tests: tuple[str, ...]) -> Verdict:
    """Return the verdict of these tests on this tree.

    The tests and the processes that they start import everything from there.
    """
    model = os.environ.get("FRAUD_MODEL_DIR") or str(ROOT / ".run/models/latest")
    environment = os.environ | {
        "PYTHONPATH": str(tree),
        "FRAUD_MODEL_DIR": model,
        "PYTHONDONTWRITEBYTECODE": "1",
        "FRAUD_TESTS": "long",
    }
    report = tree / "junit.xml"
    options = ["-x", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
    # no pipe: a process that a killed test leaves behind would keep it open, and this one waiting
    subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=tree,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return read_verdict(report)
