"""The report: tables and plots of what was measured. A section that was not measured is left out."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks import api, plots
from benchmarks.catalogue import SYSTEMS
from benchmarks.results import Entry, Spread, by, spread

_VCPU_HOUR = 0.04048  # USD: AWS Fargate, Linux on x86, us-east-1 (aws.amazon.com/fargate/pricing)
_STAGES = ("consume", "decode", "features", "score", "explain", "encode", "produce", "commit")
_OURS = "ours-2"
# What the project set out to reach on two cores: at least so many transactions a second, so many times a peer; at most so long.
_RATES = {"ours-1": 75_000, "ours-2": 100_000}
_TIMES = {"faust": 30, "quix-eo": 9, "bytewax": 1, "pathway": 1}
_P99_MS = {2_000: 25, 10_000: 50}
_START_S = 5
_WHY = """Where the answer is no, it is the CPU that a transaction takes: the column "tx/s if no core idled" says what all cores could do
with what it took in those runs, broker included, and [by stage](#cpu-by-stage) where the worker's share goes. One worker, whose Python is
one thread, leaves some of the second core idle; two hardly any. Most is not this project's own code: consuming, decoding, scoring and
producing are librdkafka, msgspec and XGBoost, each called once a record or batch. What was tried:
[for throughput](decisions/0012-what-limits-the-throughput.md), [for latency](decisions/0011-where-the-latency-comes-from.md)."""


def write(results: Entry, page: Path) -> None:
    """Writes the page, and its plots beside it in a folder of the same name."""
    folder = page.with_suffix("")
    sections = {
        "machine": lambda found: _machine(found, results.get("drains", [])),
        "drains": lambda found: _throughput(found, folder, results["machine"]["cores"]),
        "workers": lambda found: _by("Throughput by workers", found, folder / "workers.svg"),
        "batches": lambda found: _by(
            "Throughput by the largest batch", found, folder / "batches.svg"
        ),
        "latencies": lambda found: _latencies(found, folder / "latency.svg"),
        "stages": lambda found: _stages(found, folder / "stages.svg"),
        "starts": _starts,
        "api": _api,
    }
    ended = results.get("ended", {})
    parts = [
        _dated(make(results[name]), ended.get(name))
        for name, make in sections.items()
        if name in results
    ]
    if {"drains", "latencies", "starts"} <= results.keys():
        parts.insert(1, _wanted(results))
    if "drains" in results:
        parts.append(_cost(results["drains"]))
    page.write_text("# Performance\n\n" + "\n\n".join([*parts, _METHOD]) + "\n")


def _dated(section: str, ended: str | None) -> str:
    """Sections may be measured apart: under its title each says when it ended."""
    title, _, content = section.partition("\n\n")
    return (
        section
        if ended is None or not title.startswith("## ")
        else f"{title}\n\nEnded {ended}.\n\n{content}"
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _image(path: Path, what: str) -> str:
    return f"![{what}]({path.parent.name}/{path.name})"


def _range(values: Spread, form: str = ",.0f") -> str:
    if values.low == values.high:
        return f"{values.median:{form}}"
    return f"{values.median:{form}} ({values.low:{form}} to {values.high:{form}})"


def _of(entries: Iterable[Entry], name: str, factor: float = 1.0) -> Spread:
    return spread([entry[name] * factor for entry in entries])


def _machine(found: Entry, drains: list[Entry]) -> str:
    model, versions = (
        found["model"],
        ", ".join(f"{name} {value}" for name, value in found["versions"].items()),
    )
    predictions = sum(entry["predictions"] for entry in drains)
    alerts = sum(entry["alerts"] for entry in drains) / predictions if predictions else 0.0
    return (
        f"Measured {found['at']}: {found['cores']} cores of {found['cpu']}, {found['memory_gib']} GiB, {found['system']}; "
        f"load average before it {found['load']}. Broker, systems and load generator share these cores; "
        f"Kafka's data are on {found['data_on']}.\n\n"
        f"{versions}. The model: {model['trees']} trees of depth {model['depth']}; "
        f"{alerts:.3%} of the transactions are alerts, with reasons."
    )


def _wanted(results: Entry) -> str:
    """What this project set out to reach, beside what it did, as far as it was measured: medians."""
    drains = by(results["drains"], lambda entry: entry["system"])
    latencies = by(results["latencies"], lambda entry: (entry["system"], entry["rate"]))
    rate = {system: _of(entries, "per_second").median for system, entries in drains.items()}
    rows = [
        (
            f"tx/s, exactly once: {SYSTEMS[name].title}",
            f"{least:,}",
            f"{rate[name]:,.0f}",
            rate[name] >= least,
        )
        for name, least in _RATES.items()
        if name in rate
    ]
    for peer, least in _TIMES.items():
        if _OURS in rate and peer in rate:
            times, title = (
                rate[_OURS] / rate[peer],
                f"{SYSTEMS[peer].title}, {SYSTEMS[peer].guarantee}",
            )
            rows.append(
                (
                    f"times as fast with 2 workers as {title}",
                    f"{least}",
                    f"{times:.1f}",
                    times >= least,
                )
            )
    for at, most in _P99_MS.items():
        for system in _RATES:
            if (system, at) in latencies:
                p99 = _of(latencies[system, at], "p99", 1000).median
                rows.append(
                    (
                        f"ms, p99 at {at:,}/s, exactly once: {SYSTEMS[system].title}",
                        f"{most}",
                        f"{p99:,.0f}",
                        p99 <= most,
                    )
                )
    start = _of(results["starts"], "worker_s").median
    rows.append(
        (
            "s from a worker's start to its first prediction",
            f"{_START_S}",
            f"{start:.1f}",
            start <= _START_S,
        )
    )
    table = _table(
        ["", "wanted", "reached", ""],
        [(what, bound, reached, "yes" if met else "no") for what, bound, reached, met in rows],
    )
    return f"## Wanted and reached\n\n{table}\n\n{_WHY}"


def _throughput(drains: list[Entry], folder: Path, cores: int) -> str:
    groups = by(drains, lambda entry: entry["system"])
    ours = _of(groups[_OURS], "per_second").median if _OURS in groups else None
    rows = []
    for name, entries in groups.items():
        rate = _of(entries, "per_second")
        cpu, broker = (_of(entries, key).median for key in ("system_cpu_us", "broker_cpu_us"))
        rows.append(
            [
                SYSTEMS[name].title,
                SYSTEMS[name].guarantee,
                _range(rate),
                f"{ours / rate.median:.1f}" if ours else "",
                f"{cpu:.1f}",
                f"{broker:.1f}",
                f"{cores * 1e6 / (cpu + broker):,.0f}",
                f"{_of(entries, 'peak_process_mib').high:,.0f}",
                _checked(entries),
            ]
        )
    head = [
        "system",
        "guarantee",
        "tx/s",
        "2 workers are x times as fast",
        "CPU us/tx",
        "broker us/tx",
        "tx/s if no core idled",
        "peak MiB of a process",
        "predictions",
    ]
    plot = folder / "throughput.svg"
    titles = {
        f"{SYSTEMS[name].title}, {SYSTEMS[name].guarantee}": _of(entries, "per_second")
        for name, entries in groups.items()
    }
    plots.bars(plot, "Throughput", titles, "transactions a second")
    runs, records = max(map(len, groups.values())), drains[0]["records"]
    text = f"Draining {records:,} preloaded transactions; median of {runs} (range), the systems in turn."
    return (
        f"## Throughput\n\n{text}\n\n{_table(head, rows)}\n\n{_image(plot, 'throughput by system')}"
    )


def _checked(entries: list[Entry]) -> str:
    lost, doubled = (
        sum(entry["lost"] or 0 for entry in entries),
        sum(entry["duplicated"] for entry in entries),
    )
    if not all(entry["complete"] for entry in entries):
        return f"{doubled:,} doubled; stopped before the end"
    return f"{lost:,} lost, {doubled:,} doubled" if lost or doubled else "all there, once"


def _by(title: str, drains: list[Entry], plot: Path) -> str:
    groups = by(drains, lambda entry: SYSTEMS[entry["system"]].title.removeprefix("this project, "))
    rates = {name: _of(entries, "per_second") for name, entries in groups.items()}
    plots.bars(plot, title, rates, "transactions a second")
    rows = [
        [
            name,
            _range(rates[name]),
            *(f"{_of(entries, key).median:.1f}" for key in ("system_cpu_us", "broker_cpu_us")),
        ]
        for name, entries in groups.items()
    ]
    return f"## {title}\n\n{_table(['', 'tx/s', 'CPU us/tx', 'broker us/tx'], rows)}\n\n{_image(plot, title.lower())}"


def _latencies(found: list[Entry], plot: Path) -> str:
    measured = [entry for entry in found if entry["p99"] is not None]
    rows, curves = [], {}
    for system, entries in by(measured, lambda entry: entry["system"]).items():
        rates = by(entries, lambda entry: entry["rate"])
        curve = {
            rate: {name: _of(runs, name, 1000) for name in ("p50", "p95", "p99")}
            for rate, runs in rates.items()
        }
        curves[SYSTEMS[system].title] = curve
        for rate, percentiles in curve.items():
            achieved = _of(rates[rate], "achieved_per_second").median
            values = [_range(value, ",.1f") for value in percentiles.values()]
            rows.append([SYSTEMS[system].title, f"{rate:,}", f"{achieved:,.0f}", *values])
    plots.latencies(plot, curves)
    text = (
        "Milliseconds from the scheduled send time of a transaction until a reader of committed records has its prediction, exactly once. "
        "[What they are made of](decisions/0011-where-the-latency-comes-from.md)."
    )
    table = _table(["system", "tx/s", "sent/s", "p50", "p95", "p99"], rows)
    return f"## Latency\n\n{text}\n\n{table}\n\n{_image(plot, 'latency by rate')}"


def _stages(found: list[Entry], plot: Path) -> str:
    rows = [[name, *(f"{stages[name]:.2f}" for stages in found)] for name in _STAGES]
    rows.append(["all", *(f"{sum(stages[name] for name in _STAGES):.2f}" for stages in found)])
    head = ["us of CPU a transaction", *(f"batches of {stages['batch']:,}" for stages in found)]
    plots.stack(
        plot, "CPU by stage", {name: found[-1][name] for name in _STAGES}, "us a transaction"
    )
    text = f"Explaining costs {found[-1]['explain_alert']:,.0f} us an alert; the table holds its share."
    return f"## CPU by stage\n\n{_table(head, rows)}\n\n{text}\n\n{_image(plot, 'CPU by stage')}"


def _starts(found: list[Entry]) -> str:
    worker, command = _of(found, "worker_s"), _of(found, "command_s")
    return (
        f"## Start\n\nFrom the start of a worker's process to its first prediction, the group there already: {_range(worker, '.1f')} s; "
        f"from `fraud score` itself: {_range(command, '.1f')} s."
    )


def _api(found: list[Entry]) -> str:
    columns = {
        "answered/s": "per_second",
        "a CPU second": "per_cpu_second",
        "p50 ms": "p50",
        "p95 ms": "p95",
        "p99 ms": "p99",
    }
    row = [
        _range(_of(found, name), ",.0f" if name.startswith("per") else ",.1f")
        for name in columns.values()
    ]
    text = (
        "One `fraud serve` with one event loop; the client is a process of its own with 16 connections. The rates are those of answering "
        f"as fast as it can; the latencies are counted from the time at which a request was due, at {found[0]['rate']:,} a second. "
        f"{api.verdict(found)}"
    )
    return f"## POST /predict\n\n{text}\n\n{_table(['', *columns], [['fraud serve', *row]])}"


def _cost(drains: list[Entry]) -> str:
    rows = []
    for name, entries in by(drains, lambda entry: entry["system"]).items():
        system, broker = (_of(entries, key).median for key in ("system_cpu_us", "broker_cpu_us"))
        price = (system + broker) / 3600 * _VCPU_HOUR
        rows.append(
            [
                f"{SYSTEMS[name].title}, {SYSTEMS[name].guarantee}",
                f"{system:,.1f}",
                f"{broker:,.1f}",
                f"{100 * price:.3f}",
            ]
        )
    text = f"At {_VCPU_HOUR} USD a vCPU hour (AWS Fargate, Linux on x86, us-east-1, aws.amazon.com/fargate/pricing)."
    return f"## A million transactions\n\n{text}\n\n{_table(['system', 'CPU seconds', 'of the broker', 'US cents'], rows)}"


_METHOD = """## How it is measured

`make bench` does all of it, `make bench-quick` a short form in under five minutes. Kafka is one node of the project's own, replication 1,
warmed up by a run that does not count, and before the latencies by a minute of live transactions, 15 s in the short form. With
`FRAUD_HOME=/dev/shm/fraud` its data are in memory, some 20 GB of it: a disk that stalls while gigabytes are written back is measured
otherwise (Kafka's log then names slow events). Delete that folder afterwards.

- **Throughput.** The topic is loaded once. A system starts with a group that has never read; the end of the committed records of
  `predictions` is looked at ten times a second, and the rate is that between the first look that saw some and the last that saw more.
  Afterwards every prediction is read back and told from the others by its transaction: that is what "all there, once" means;
  what has not come after 20 s without one more counts as lost.
  CPU is that of the system's whole tree of processes and of the broker, over the same time. A peer of some thousands a second is
  stopped after 20 s; sizes of batches are told from each other by 10 s each.
- **Latency.** Transactions are due at fixed times, and the clock of each starts when it was due, whether it was sent in time or not.
  The load generator and the reader are processes of their own, on the same cores. The first 5 s of each rate do not count.
- **Peers.** The same topic, model, output fields and reasons, on both cores as two processes. All but idiomatic Faust score with this
  project's own decoder, model and encoder, so that stream processors are compared and not JSON libraries.
  [What each can and cannot do](../benchmarks/peers/README.md)."""
