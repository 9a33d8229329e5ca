"""How each peer is started: at its best honest setting, on both cores."""

import shutil
import subprocess
from collections.abc import Callable

from benchmarks.bench import Bench
from benchmarks.peers.environments import python
from benchmarks.systems import AT_LEAST_ONCE, EXACTLY_ONCE, System

PROCESSES = 2
_SLOW_S = 20.0  # a peer of some thousands a second would drain millions for many minutes
_BYTEWAX_PORT, _PATHWAY_PORT = 39201, 39211

Command = Callable[[Bench], list[str]]


def _copies(peer: str, *command: str) -> Command:
    """The command in as many processes as there are cores; {i} in it is the number of the process."""
    return lambda bench: _launch(python(bench.home, peer), *command)


def _launch(interpreter: str, *command: str) -> list[str]:
    return [interpreter, "-m", "benchmarks.peers.copies", str(PROCESSES), interpreter, *command]


def _bytewax(bench: Bench) -> list[str]:
    """A new recovery store each time: the run begins at the beginning of the topic."""
    interpreter, store = python(bench.home, "bytewax"), bench.home / "bytewax-recovery"
    shutil.rmtree(store, ignore_errors=True)
    store.mkdir(parents=True)
    subprocess.run([interpreter, "-m", "bytewax.recovery", str(store), str(PROCESSES)], check=True)
    addresses = ";".join(f"127.0.0.1:{_BYTEWAX_PORT + number}" for number in range(PROCESSES))
    recovery = ["-r", str(store), "-s", "10", "-b", "0"]
    return _launch(
        interpreter,
        "-m",
        "bytewax.run",
        "benchmarks.peers.bytewax.flow",
        "-i",
        "{i}",
        "-a",
        addresses,
        *recovery,
    )


def _pathway(bench: Bench) -> list[str]:
    interpreter = python(bench.home, "pathway")
    spawn = [
        "spawn",
        "--processes",
        str(PROCESSES),
        "--threads",
        "1",
        "--first-port",
        str(_PATHWAY_PORT),
    ]
    return [
        interpreter,
        "-m",
        "pathway",
        *spawn,
        interpreter,
        "-m",
        "benchmarks.peers.pathway.scorer",
    ]


def _faust(bench: Bench) -> list[str]:
    return _launch(
        python(bench.home, "faust"),
        "-m",
        "benchmarks.peers.faust.scorer",
        str(bench.home / "faust-{i}"),
    )


def _quix(guarantee: str) -> Command:
    return _copies("quix", "-m", "benchmarks.peers.quix.scorer", guarantee.replace(" ", "-"))


PEERS = (
    System(
        "confluent",
        "bare confluent-kafka loop",
        EXACTLY_ONCE,
        _copies("confluent", "-m", "benchmarks.peers.confluent.loop", "{i}"),
        "confluent",
    ),
    System("faust", "Faust, idiomatic", AT_LEAST_ONCE, _faust, "faust", _SLOW_S),
    System("quix-eo", "Quix Streams", EXACTLY_ONCE, _quix(EXACTLY_ONCE), "quix", _SLOW_S),
    System("quix-alo", "Quix Streams", AT_LEAST_ONCE, _quix(AT_LEAST_ONCE), "quix", _SLOW_S),
    System("bytewax", "Bytewax", AT_LEAST_ONCE, _bytewax, "bytewax"),
    System("pathway", "Pathway", "none after a crash", _pathway, "pathway"),
)
