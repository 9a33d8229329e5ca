"""What the tests say about a tree: by pytest's report, for its exit code is the same for a test that fails and a fixture that does."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CAUGHT, SURVIVED, NOT_TOLD = "caught", "SURVIVED", "NOT TOLD"
_TIMEOUT = "Failed: Timeout (>"  # pytest-timeout's: the test noticed nothing, it came to no end


@dataclass(frozen=True)
class Verdict:
    """CAUGHT by a test that failed, SURVIVED where all passed, else NOT_TOLD; `by`: who failed or told nothing, and why."""

    outcome: str
    by: str = ""


def judge(report: Path) -> Verdict:
    """The verdict in a report (junit XML) of pytest. An error in a fixture and a time-out tell nothing, nor does a pytest that died."""
    if not report.exists():
        return Verdict(NOT_TOLD, "pytest left no report")
    failed, untold, ran = [], [], 0
    for case in ET.parse(report).iter("testcase"):
        ran += case.find("skipped") is None
        for found in case.findall("failure") + case.findall("error"):
            why = found.get("message", "").partition("\n")[0]
            told = found.tag == "failure" and not why.startswith(_TIMEOUT)
            name = ".".join(
                filter(None, (case.get("classname"), case.get("name")))
            )  # hypothesis calls every machine runTest
            (failed if told else untold).append(f"{name}: {why}")
    if untold or not ran:
        return Verdict(NOT_TOLD, " ".join(untold) or "no test ran")
    return Verdict(CAUGHT, " ".join(failed)) if failed else Verdict(SURVIVED)


def run(tree: Path, tests: tuple[str, ...]) -> Verdict:
    """The verdict of these tests in this tree: everything is imported from there, also by the processes that they start."""
    model = os.environ.get("FRAUD_MODEL_DIR") or str(ROOT / ".run/models/latest")
    environment = os.environ | {
        "PYTHONPATH": str(tree),
        "FRAUD_MODEL_DIR": model,
        "PYTHONDONTWRITEBYTECODE": "1",
        "FRAUD_TESTS": "long",
    }
    report = tree / "junit.xml"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        f"--junitxml={report}",
        *tests,
    ]
    # no pipe: what a killed test leaves behind would hold it open, and be waited for
    subprocess.run(
        command,
        cwd=tree,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return judge(report)
