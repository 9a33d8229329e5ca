"""detect-secrets finds no secret in the checkout, except the false positives in .secrets.baseline.

After reviewing new ones, run: .venv/bin/detect-secrets scan --baseline .secrets.baseline
"""

import json
from pathlib import Path

import pytest
from detect_secrets import SecretsCollection
from detect_secrets.settings import transient_settings
from support.commands import run
from support.paths import ROOT

BASELINE = json.loads((ROOT / ".secrets.baseline").read_text())
# public hashes, and files generated from the others
EXCLUDED = (
    "requirements.lock",
    ".secrets.baseline",
    "infra/grafana/dashboards/",
    "docs/contract/",
    "tests/contract/released/",
)
SUFFIXES = (".png", ".npz", ".svg")


@pytest.fixture(autouse=True)
def settings(monkeypatch):
    monkeypatch.chdir(ROOT)
    with transient_settings(
        {"plugins_used": BASELINE["plugins_used"], "filters_used": BASELINE["filters_used"]}
    ):
        yield


def find_secrets(paths):
    secrets = SecretsCollection()
    for path in paths:
        secrets.scan_file(str(path))
    return {(name, secret.secret_hash) for name, secret in secrets}


def test_the_checkout_contains_no_secret():
    listed = run(["git", "ls-files"], check=True)
    paths = [
        path
        for path in listed.stdout.splitlines()
        if not path.startswith(EXCLUDED) and not path.endswith(SUFFIXES) and Path(path).exists()
    ]
    known = {
        (name, secret["hashed_secret"])
        for name, secrets in BASELINE["results"].items()
        for secret in secrets
    }
    assert len(paths) > 0
    assert find_secrets(paths) - known == set()


SAMPLES = (
    'password = "q8Zr-Tw1x_Lo9"',  # pragma: allowlist secret
    "aws = AKIA2E0A8F3B244C9986",  # pragma: allowlist secret
    "-----BEGIN RSA PRIVATE KEY-----",  # pragma: allowlist secret
)


@pytest.mark.parametrize("line", SAMPLES)
def test_a_secret_would_be_found(tmp_path, line):
    path = tmp_path / "settings.py"
    path.write_text(f"{line}\n")
    assert len(find_secrets([path])) == 1
