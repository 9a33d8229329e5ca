"""How the Prometheus of `make watch` finds the scorers of this machine: each keeps a list of its workers in FRAUD_HOME/targets.

The list stands for as long as the workers are asked for: it stays when the scorer dies, for its absence to be noticed.
"""

import json
from pathlib import Path

_EVERYWHERE = "0.0.0.0"  # noqa: S104 - recognised, not listened on


def pattern(home: Path) -> Path:
    """Where the lists lie, as Prometheus' file_sd_configs names them; the folder is there from now on. Raises OSError."""
    folder = home / "targets"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "scorer-*.json"


def announce(home: Path, host: str, port: int, workers: int) -> Path:
    """Writes the list of a scorer whose worker i listens on host:(port + i), in place of that of an earlier one. Raises OSError."""
    host = "127.0.0.1" if host == _EVERYWHERE else host
    path = pattern(home).with_name(f"scorer-{port}.json")
    unfinished = path.with_suffix(".new")
    unfinished.write_text(
        json.dumps([{"targets": [f"{host}:{port + worker}" for worker in range(workers)]}])
    )
    unfinished.replace(path)  # Prometheus reads it as soon as it changes
    return path
