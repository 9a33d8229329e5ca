"""How to start each peer: with its best honest settings, on both cores."""

import shutil
import subprocess
from collections.abc import Callable

from benchmarks.harness.bench import Bench
from benchmarks.harness.systems import AT_LEAST_ONCE, EXACTLY_ONCE, System
from benchmarks.peers.environments import PEERS_FOLDER, prepare_environment

PROCESSES = 2
_SLOW_S = 20.0  # at a few thousand a second, draining millions would take many minutes
_BYTEWAX_PORT = 39201
_PATHWAY_PORT = 39211

Command = Callable[[Bench], list[str]]


def _run_copies(peer: str, *command: str) -> Command:
    """Run the command in PROCESSES processes; {i} in it is the number of the process."""
    return lambda bench: _launch(prepare_environment(bench.home, PEERS_FOLDER / peer), *command)


def _launch(interpreter: str, *command: str) -> list[str]:
    return [interpreter, "-m", "benchmarks.peers.copies", str(PROCESSES), interpreter, *command]


def _run_bytewax(bench: Bench) -> list[str]:
    """Create a new recovery store, so that each run starts at the beginning of the topic."""
    interpreter = prepare_environment(bench.home, PEERS_FOLDER / "bytewax")
    store = bench.home / "bytewax-recovery"
    shutil.rmtree(store, ignore_errors=True)
    store.mkdir(parents=True)
    subprocess.run([interpreter, "-m", "bytewax.recovery", str(store), str(PROCESSES)], check=True)
    addresses = ";".join(f"127.0.0.1:{_BYTEWAX_PORT + number}" for number in range(PROCESSES))
    recovery = ["-r", str(store), "-s", "10", "-b", "0"]
    worker = ["-m", "bytewax.run", "benchmarks.peers.bytewax.flow", "-i", "{i}", "-a", addresses]
    return _launch(interpreter, *worker, *recovery)


def _run_pathway(bench: Bench) -> list[str]:
    interpreter = prepare_environment(bench.home, PEERS_FOLDER / "pathway")
    options = f"--processes {PROCESSES} --threads 1 --first-port {_PATHWAY_PORT}".split()
    scorer = [interpreter, "-m", "benchmarks.peers.pathway.scorer"]
    return [interpreter, "-m", "pathway", "spawn", *options, *scorer]


def _run_faust(bench: Bench) -> list[str]:
    return _launch(
        prepare_environment(bench.home, PEERS_FOLDER / "faust"),
        "-m",
        "benchmarks.peers.faust.scorer",
        str(bench.home / "faust-{i}"),
    )


def _run_quix(guarantee: str) -> Command:
    return _run_copies("quix", "-m", "benchmarks.peers.quix.scorer", guarantee.replace(" ", "-"))


PEERS = (
    System(
        "confluent",
        "bare confluent-kafka loop",
        EXACTLY_ONCE,
        _run_copies("confluent", "-m", "benchmarks.peers.confluent.loop", "{i}"),
        "confluent",
    ),
    System("faust", "Faust, idiomatic", AT_LEAST_ONCE, _run_faust, "faust", _SLOW_S),
    System("quix-eo", "Quix Streams", EXACTLY_ONCE, _run_quix(EXACTLY_ONCE), "quix", _SLOW_S),
    System("quix-alo", "Quix Streams", AT_LEAST_ONCE, _run_quix(AT_LEAST_ONCE), "quix", _SLOW_S),
    System("bytewax", "Bytewax", AT_LEAST_ONCE, _run_bytewax, "bytewax"),
    System("pathway", "Pathway", "none after a crash", _run_pathway, "pathway"),
)
