"""The files by which `make watch`'s Prometheus finds this machine's scorers, in FRAUD_HOME/targets.

`fraud score` writes one while it runs. A scorer that dies leaves its file behind, so that
Prometheus notices the missing workers.
"""

import json
from pathlib import Path

_ALL_ADDRESSES = "0.0.0.0"  # noqa: S104 - recognized, not listened on


def make_pattern(home: Path) -> Path:
    """Return the files' glob for Prometheus' file_sd_configs, creating the folder.

    Raises OSError.
    """
    folder = home / "targets"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "scorer-*.json"


def make_path(home: Path, port: int) -> Path:
    """Return the file of the scorer whose worker 0 has this metrics port."""
    return home / "targets" / f"scorer-{port}.json"


def render(host: str, port: int, workers: int) -> str:
    """Return the file's content: worker i listens on host:(port + i)."""
    host = "127.0.0.1" if host == _ALL_ADDRESSES else host
    return json.dumps([{"targets": [f"{host}:{port + worker}" for worker in range(workers)]}])
