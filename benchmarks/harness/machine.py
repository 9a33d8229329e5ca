"""Describe what the figures apply to: the machine, the versions, the model."""

import json
import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

import psutil

from benchmarks.harness.bench import Bench
from benchmarks.harness.results import Entry, format_now
from infra.kafka import VERSION
from infra.kafka.jars import read_java_version
from model.artefact import MANIFEST

_LIBRARIES = ("confluent-kafka", "faust-streaming", "msgspec", "numpy")


def describe_machine(bench: Bench) -> Entry:
    """Describe the machine before a measurement.

    `load` is the load average of the last minute: how busy the machine was with other work.
    """
    manifest = json.loads((bench.model / MANIFEST).read_text())
    xgboost = "xgboost-cpu" if platform.system() == "Linux" else "xgboost"
    return {
        "at": format_now(),
        "cpu": _read_cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "load": round(os.getloadavg()[0], 2),
        "data_on": _read_file_system(bench.home),
        "versions": {
            "Python": platform.python_version(),
            "Kafka": VERSION,
            "Java": str(read_java_version()),
            **{name: version(name) for name in (*_LIBRARIES, xgboost)},
        },
        "model": {
            "version": manifest["version"],
            "trees": manifest["trees"],
            "depth": manifest["parameters"].get("max_depth"),
            "thresholds": manifest["thresholds"],
        },
    }


def _read_cpu_model() -> str:
    about = Path("/proc/cpuinfo")
    name = re.search(r"^model name\s*:(.*)$", about.read_text(), re.M) if about.exists() else None
    return name[1].strip() if name else platform.processor()


def _read_file_system(path: Path) -> str:
    """Return the type of the file system that holds `path`."""
    mounts = {Path(mount.mountpoint): mount.fstype for mount in psutil.disk_partitions(all=True)}
    return next(
        (
            mounts[folder]
            for folder in (path.resolve(), *path.resolve().parents)
            if folder in mounts
        ),
        "unknown",
    )
