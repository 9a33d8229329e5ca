"""Measure what history costs: CPU a payment, memory an account, and other systems' CPU.

Everything runs in one thread and is measured in CPU time, without Kafka.
"""

import json
import multiprocessing
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
import psutil

from benchmarks.harness.results import Results
from benchmarks.peers import history
from benchmarks.peers.environments import PEERS_FOLDER, prepare_environment
from cli.support.settings import ROOT
from payments.arrays import Ints
from payments.schema.reading import parse_schema, read_schema
from payments.state.columns import Columns
from payments.state.engine import Engine
from payments.state.hashing import hash_texts

DAY_MS = 86_400_000
BATCHES = (4096, 256)
PEERS = ("quix", "bytewax")
_ACCOUNTS = 20_000
_ROWS = 600_000
_DAYS = 60
_MEMORY_ACCOUNTS = 50_000
_COMPARED_ROWS = 300_000
_COMPARED_ACCOUNTS = 10_000
_SEED = 7

_FIVE = """
name = "five"
roles = { id = "id", time = "at", key = "account", amount = "paid" }
[fields]
id = { type = "id" }
at = { type = "time" }
paid = { type = "amount", decimals = 0 }
account = { type = "entity" }
[features]
numbers = ["paid"]
[[features.velocity]]
entity = "account"
windows = ["24h", "30d"]
measures = ["count", "sum"]
since_last = true
"""


@dataclass(frozen=True)
class EngineCost:
    """CPU in us a payment of `cards`, medians of batches: hashing its keys, features, commit."""

    batch: int
    hashing_us: float
    features_us: float
    commit_us: float


@dataclass(frozen=True)
class MemoryCost:
    """Bytes that 30 payments in 30 days cost, in the state of the account and of its terminals.

    `days`: how long the payments have come. `growing`: the process's most memory while growing, as
    a multiple of what it has at the end.
    """

    days: int
    account_bytes: float
    terminals_bytes: float
    growing: float


@dataclass(frozen=True)
class Comparison:
    """CPU in us a payment of five features of an account: medians of the runs."""

    ours_us: float
    others_us: dict[str, float]


def measure_state(results: Results, runs: int) -> None:
    """Measure all three, print them, and save them as the section `state`."""
    costs = [measure_engine(batch) for batch in BATCHES]
    for cost in costs:
        print(
            f"cards, batches of {cost.batch:,}: us a payment for features {cost.features_us:.2f}, "
            f"commit {cost.commit_us:.2f}, hashes of its keys {cost.hashing_us:.2f}",
            flush=True,
        )
    memories = [_measure_apart(days) for days in (30, _DAYS)]
    for memory in memories:
        print(
            f"cards, after {memory.days} days: {memory.account_bytes:.0f} bytes an account with 30 "
            f"payments in 30 days, {memory.terminals_bytes:.0f} for them at the terminals; "
            f"at most {memory.growing:.2f}x while growing",
            flush=True,
        )
    comparison = compare(results.path.parent, runs)
    print(f"five features of an account: {comparison.ours_us:.2f} us a payment")
    for name, us in comparison.others_us.items():
        print(f"{name}: {us:.2f} us, {us / comparison.ours_us:.0f}x", flush=True)
    results.write(
        "state",
        {
            "engine": [asdict(cost) for cost in costs],
            "memory": [asdict(memory) for memory in memories],
            "comparison": asdict(comparison),
        },
    )


def measure_engine(batch: int) -> EngineCost:
    """Measure the engine of `cards` on 600,000 payments, the second half of them."""
    engine = Engine(read_schema("cards"))
    _warm_up(engine)
    spent: list[tuple[float, float, float]] = []
    for accounts, merchants, terminals, times, amounts in draw_payments(
        _ROWS, _ACCOUNTS, _DAYS, batch
    ):
        texts = {
            "account_id": [f"a{number:08d}" for number in accounts.tolist()],
            "merchant_id": [f"m{number:06d}" for number in merchants.tolist()],
            "terminal_id": [f"x{number:07d}" for number in terminals.tolist()],
        }
        started = time.process_time()
        hashes = {name: hash_texts(values) for name, values in texts.items()}
        hashed = time.process_time()
        engine.apply(Columns(times, amounts, hashes))
        applied = time.process_time()
        engine.commit()
        committed = time.process_time()
        steps = (hashed - started, applied - hashed, committed - applied)
        hashing, features, commit = (1e6 * step / len(times) for step in steps)
        spent.append((hashing, features, commit))
    medians = np.median(spent[len(spent) // 2 :], axis=0)
    return EngineCost(batch, *medians.tolist())


def draw_payments(
    rows: int, accounts: int, days: int, batch: int
) -> Iterator[tuple[Ints, Ints, Ints, Ints, Ints]]:
    """Yield batches of accounts, merchants, terminals, times and amounts, in order of time."""
    rng = np.random.default_rng(_SEED)
    for first in range(0, rows, batch):
        count = min(batch, rows - first)
        begin, end = (days * DAY_MS * row // rows for row in (first, first + count))
        times = np.sort(rng.integers(begin, end, count))
        who = rng.integers(0, accounts, count)
        merchants = who % 997 + rng.integers(0, 15, count)  # an account has its usual ones
        terminals = merchants * 4 + rng.integers(0, 4, count)
        yield who, merchants, terminals, times, rng.integers(100, 20_000, count)


def _warm_up(engine: Engine) -> None:
    """Load the compiled loops, or compile them."""
    one = np.ones(1, np.int64)
    hashes = {name: one.view(np.uint64) for name in engine.fields}
    engine.apply(Columns(one, one, hashes))
    engine.commit()
    engine.fold(Columns(one, one, hashes))
    engine.rollback()


def _measure_apart(days: int) -> MemoryCost:
    """Measure memory in a separate process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure_memory, (days,))


def measure_memory(days: int) -> MemoryCost:
    """Measure this process's memory while accounts get a payment a day each on average."""
    engine = Engine(read_schema("cards"))
    _warm_up(engine)
    process = psutil.Process()
    before = process.memory_info().rss
    most = 0
    key = np.uint64(0x9E3779B97F4A7C15)  # odd: different numbers have different hashes
    for who, merchants, terminals, times, amounts in draw_payments(
        days * _MEMORY_ACCOUNTS, _MEMORY_ACCOUNTS, days, BATCHES[0]
    ):
        columns = {"account_id": who, "merchant_id": merchants, "terminal_id": terminals}
        hashes = {name: (ids + 1).astype(np.uint64) * key for name, ids in columns.items()}
        engine.fold(Columns(times, amounts, hashes))
        engine.commit()
        most = max(most, process.memory_info().rss - before)
    return MemoryCost(
        days,
        engine.memory_bytes["account_id"] / _MEMORY_ACCOUNTS,
        engine.memory_bytes["terminal_id"] / _MEMORY_ACCOUNTS,
        most / (process.memory_info().rss - before),
    )


def compare(home: Path, runs: int) -> Comparison:
    """Measure five features of an account in each system, turn about.

    Raises ValueError if a system finds other features.
    """
    batches = draw_payments(_COMPARED_ROWS, _COMPARED_ACCOUNTS, 30, BATCHES[0])
    rows = [np.stack([who, times, amounts], 1) for who, _, _, times, amounts in batches]
    ours: list[float] = []
    others: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "payments.npy"
        np.save(path, np.concatenate(rows))
        payments = history.read_payments(path)
        for _ in range(runs):
            us, total = measure_engine_of_five(payments)
            ours.append(us)
            found = {"dict of deques": measure_dict(payments)}
            for peer in PEERS:
                found[peer] = _run_peer(prepare_environment(home, PEERS_FOLDER / peer), peer, path)
            for name, (spent, other) in found.items():
                if other != total:
                    raise ValueError(f"the features of {name} add up to {other}, not {total}")
                others.setdefault(name, []).append(spent)
    return Comparison(median(ours), {name: median(spent) for name, spent in others.items()})


def measure_engine_of_five(payments: list[history.Payment]) -> tuple[float, int]:
    """Measure from the texts of accounts to features that are final."""
    schema = parse_schema(_FIVE, "five.toml", Path())
    _warm_up(Engine(schema))
    engine = Engine(schema)
    spent = 0.0
    total = 0
    for first in range(0, len(payments), history.BATCH):
        accounts, times, amounts = zip(*payments[first : first + history.BATCH], strict=True)
        at = np.array(times, np.int64)
        paid = np.array(amounts, np.int64)
        started = time.process_time()
        features = engine.apply(Columns(at, paid, {"account": hash_texts(accounts)}))
        engine.commit()
        spent += time.process_time() - started
        total += int(features[:, :4].sum(dtype=np.float64))
    return 1e6 * spent / len(payments), total


def measure_dict(payments: list[history.Payment]) -> tuple[float, int]:
    """Measure a dict with the deques of each account."""
    accounts: defaultdict[str, history.Account] = defaultdict(history.Account)
    return history.measure(
        payments,
        lambda batch: [accounts[account].add(at, amount) for account, at, amount in batch],
    )


def _run_peer(interpreter: str, peer: str, path: Path) -> tuple[float, int]:
    command = [interpreter, "-m", f"benchmarks.peers.{peer}.history", str(path)]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, cwd=ROOT
    )
    us, total = json.loads(done.stdout)
    return us, total
