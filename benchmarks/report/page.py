"""Write the report: tables and plots of the results. Sections without results are left out."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness.catalogue import SYSTEMS
from benchmarks.harness.results import Entry, Spread, group_by, summarize
from benchmarks.measurements import api
from benchmarks.report import plots

_VCPU_HOUR = 0.04048  # USD: AWS Fargate, Linux on x86, us-east-1 (aws.amazon.com/fargate/pricing)
_STAGES = ("consume", "decode", "features", "score", "explain", "encode", "produce", "commit")
_OURS = "ours-2"
# Targets on two cores: minimum transactions a second, minimum speed relative to a peer, maximum
# latency and start-up time.
_RATES = {"ours-1": 75_000, "ours-2": 100_000}
_TIMES = {"faust": 30, "quix-eo": 9, "bytewax": 1, "pathway": 1}
_P99_MS = {2_000: 25, 10_000: 50}
_START_S = 5

_HEAD = """# Performance

For anyone deciding whether this scorer is fast enough, and for developers who want to make it
faster."""
_LIMITS = """The missed targets are limited by the CPU that a transaction takes. In the
[comparison](#comparison-with-other-systems), the column "tx/s at full CPU" shows what all cores
could do at that cost, including the broker. [CPU by stage](#cpu-by-stage) shows where the worker's
share goes. One worker runs its Python in one thread and leaves part of the second core idle; two
workers leave hardly any. Most of the CPU is not spent in this project's own code: consuming,
decoding, scoring and producing are librdkafka, msgspec and XGBoost, each called once per record or
batch. Decisions [11](decisions/0011-where-the-latency-comes-from.md) (latency) and
[12](decisions/0012-what-limits-the-throughput.md) (throughput) list what was tried."""
_METHOD = """## How it is measured

`make bench` measures everything; `make bench-quick` runs a short version in under five minutes.
Kafka is a separate single node with replication 1. It is warmed up by a run that does not count,
and before the latencies by a minute of live transactions (15 s in the short version). With
`FRAUD_HOME=/dev/shm/fraud` its data is in memory, some 20 GB. Otherwise the results include a disk
that stalls while gigabytes are written back (Kafka's log then reports slow events). Delete that
folder afterwards.

- **Throughput.** The topic is loaded once. Each system starts with a new consumer group. The end
  of the committed records of `predictions` is checked ten times a second, and the rate is measured
  from the first check that sees predictions to the last that sees more. Afterwards every prediction
  is read back and matched with its transaction: "all, once" means that none is missing or
  duplicated. Predictions still missing after 20 s without a new one count as lost. CPU covers the
  system's whole process tree and the broker, over the same time. Peers that process a few thousand
  a second are stopped after 20 s, and batch sizes are compared over 10 s each.
- **Latency.** Transactions are due at fixed times, and latency counts from that time, even if the
  transaction was sent late. The load generator and the reader are separate processes on the same
  cores. The first 5 s of each rate do not count.
- **Peers.** They use the same topic, model, output fields and reasons, on both cores as two
  processes. All except idiomatic Faust use this project's decoder, model and encoder, so the
  comparison is between stream processors and not between JSON libraries.
  [What each can and cannot do](../benchmarks/peers/README.md)."""


def write_report(results: Entry, page: Path) -> None:
    """Write the page, and its plots to a folder of the same name."""
    folder = page.with_suffix("")
    sections: dict[str, Callable[[Any], str]] = {
        "machine": lambda entry: _render_machine(entry, results.get("drains", [])),
        "drains": lambda entries: _render_comparison(
            entries, folder / "throughput.svg", results["machine"]["cores"]
        ),
        "workers": lambda entries: _render_throughput(
            "Throughput by workers", entries, folder / "workers.svg"
        ),
        "batches": lambda entries: _render_throughput(
            "Throughput by maximum batch size", entries, folder / "batches.svg"
        ),
        "latencies": lambda entries: _render_latencies(entries, folder / "latency.svg"),
        "stages": lambda entries: _render_stages(entries, folder / "stages.svg"),
        "starts": _render_starts,
        "api": _render_api,
    }
    ended = results.get("ended", {})
    parts = [
        _add_date(render(results[name]), ended.get(name))
        for name, render in sections.items()
        if name in results
    ]
    if "drains" in results:
        parts.append(_render_cost(results["drains"]))
    if {"drains", "latencies", "starts"} <= results.keys():
        parts.append(_render_targets(results))
    page.write_text("\n\n".join([_HEAD, *parts, _METHOD]) + "\n")


def _add_date(section: str, ended: str | None) -> str:
    """Add when a section's measurement ended: sections may be measured separately."""
    title, _, content = section.partition("\n\n")
    if ended is None or not title.startswith("## "):
        return section
    return f"{title}\n\n{content}\n\nFinished {ended}."


def _render_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _render_image(path: Path, alt: str) -> str:
    return f"![{alt}]({path.parent.name}/{path.name})"


def _format_range(values: Spread, form: str = ",.0f") -> str:
    if values.low == values.high:
        return f"{values.median:{form}}"
    return f"{values.median:{form}} ({values.low:{form}} to {values.high:{form}})"


def _summarize(entries: Iterable[Entry], name: str, factor: float = 1.0) -> Spread:
    return summarize([entry[name] * factor for entry in entries])


def _full_title(name: str) -> str:
    return f"{SYSTEMS[name].title}, {SYSTEMS[name].guarantee}"


def _render_machine(entry: Entry, drains: list[Entry]) -> str:
    model = entry["model"]
    versions = ", ".join(f"{name} {value}" for name, value in entry["versions"].items())
    predictions = sum(drain["predictions"] for drain in drains)
    alerts = sum(drain["alerts"] for drain in drains) / predictions if predictions else 0.0
    return (
        f"Measured {entry['at']} on {entry['cores']} cores of {entry['cpu']}, "
        f"{entry['memory_gib']} GiB, {entry['system']}; load average before it {entry['load']}. "
        f"The broker, the systems and the load generator share these cores. Kafka's data is on "
        f"{entry['data_on']}.\n\n{versions}. Model: {model['trees']} trees of depth "
        f"{model['depth']}; {alerts:.3%} of the transactions are alerts, with reasons."
    )


def _render_comparison(drains: list[Entry], plot: Path, cores: int) -> str:
    groups = group_by(drains, lambda entry: entry["system"])
    rates = {name: _summarize(entries, "per_second") for name, entries in groups.items()}
    rows = []
    for name, entries in groups.items():
        cpu = _summarize(entries, "system_cpu_us").median
        broker = _summarize(entries, "broker_cpu_us").median
        relative = f"{rates[_OURS].median / rates[name].median:.1f}" if _OURS in rates else ""
        rows.append(
            [
                SYSTEMS[name].title,
                SYSTEMS[name].guarantee,
                _format_range(rates[name]),
                relative,
                f"{cpu:.1f}",
                f"{broker:.1f}",
                f"{cores * 1e6 / (cpu + broker):,.0f}",
                f"{_summarize(entries, 'peak_process_mib').high:,.0f}",
                _describe_predictions(entries),
            ]
        )
    head = [
        "system",
        "guarantee",
        "tx/s",
        "2 workers are x times as fast",
        "CPU us/tx",
        "broker us/tx",
        "tx/s at full CPU",
        "peak MiB of a process",
        "predictions",
    ]
    bars = {_full_title(name): rate for name, rate in rates.items()}
    plots.draw_bars(plot, "Throughput", bars, "transactions a second")
    runs = max(map(len, groups.values()))
    text = (
        f"Each system drains {drains[0]['records']:,} preloaded transactions. Median of {runs} "
        "runs (range), the systems in turn."
    )
    table = _render_table(head, rows)
    image = _render_image(plot, "throughput by system")
    return f"## Comparison with other systems\n\n{text}\n\n{table}\n\n{image}"


def _describe_predictions(entries: list[Entry]) -> str:
    lost = sum(entry["lost"] or 0 for entry in entries)
    duplicated = sum(entry["duplicated"] for entry in entries)
    if not all(entry["complete"] for entry in entries):
        return f"{duplicated:,} duplicated; stopped early"
    return f"{lost:,} lost, {duplicated:,} duplicated" if lost or duplicated else "all, once"


def _render_throughput(title: str, drains: list[Entry], plot: Path) -> str:
    groups = group_by(
        drains, lambda entry: SYSTEMS[entry["system"]].title.removeprefix("this project, ")
    )
    rates = {name: _summarize(entries, "per_second") for name, entries in groups.items()}
    plots.draw_bars(plot, title, rates, "transactions a second")
    rows = [
        [
            name,
            _format_range(rates[name]),
            f"{_summarize(entries, 'system_cpu_us').median:.1f}",
            f"{_summarize(entries, 'broker_cpu_us').median:.1f}",
        ]
        for name, entries in groups.items()
    ]
    table = _render_table(["", "tx/s", "CPU us/tx", "broker us/tx"], rows)
    return f"## {title}\n\n{table}\n\n{_render_image(plot, title.lower())}"


def _render_latencies(latencies: list[Entry], plot: Path) -> str:
    measured = [entry for entry in latencies if entry["p99"] is not None]
    rows = []
    curves = {}
    for system, entries in group_by(measured, lambda entry: entry["system"]).items():
        rates = group_by(entries, lambda entry: entry["rate"])
        curve = {
            rate: {name: _summarize(runs, name, 1000) for name in ("p50", "p95", "p99")}
            for rate, runs in rates.items()
        }
        title = SYSTEMS[system].title
        curves[title] = curve
        for rate, percentiles in curve.items():
            achieved = _summarize(rates[rate], "achieved_per_second").median
            cells = [_format_range(value, ",.1f") for value in percentiles.values()]
            rows.append([title, f"{rate:,}", f"{achieved:,.0f}", *cells])
    plots.draw_latencies(plot, curves)
    text = (
        "Milliseconds from a transaction's scheduled send time until a reader of committed records "
        "has its prediction, exactly once. "
        "[Where the latency comes from](decisions/0011-where-the-latency-comes-from.md)."
    )
    table = _render_table(["system", "tx/s", "sent/s", "p50", "p95", "p99"], rows)
    return f"## Latency\n\n{text}\n\n{table}\n\n{_render_image(plot, 'latency by rate')}"


def _render_stages(found: list[Entry], plot: Path) -> str:
    rows = [[name, *(f"{stages[name]:.2f}" for stages in found)] for name in _STAGES]
    totals = [sum(stages[name] for name in _STAGES) for stages in found]
    rows.append(["all", *(f"{total:.2f}" for total in totals)])
    head = ["us of CPU per transaction", *(f"batches of {stages['batch']:,}" for stages in found)]
    stack = {name: found[-1][name] for name in _STAGES}
    plots.draw_stack(plot, "CPU by stage", stack, "us a transaction")
    explain = found[-1]["explain_alert"]
    text = f"Explaining costs {explain:,.0f} us per alert; the table shows its share."
    table = _render_table(head, rows)
    return f"## CPU by stage\n\n{table}\n\n{text}\n\n{_render_image(plot, 'CPU by stage')}"


def _render_starts(starts: list[Entry]) -> str:
    worker = _summarize(starts, "worker_s")
    command = _summarize(starts, "command_s")
    return (
        "## Start\n\nTime to the first prediction, with an existing consumer group: "
        f"{_format_range(worker, '.1f')} s from the start of a worker's process, "
        f"{_format_range(command, '.1f')} s from the start of `fraud score`."
    )


def _render_api(runs: list[Entry]) -> str:
    columns = {
        "answered/s": "per_second",
        "per CPU second": "per_cpu_second",
        "p50 ms": "p50",
        "p95 ms": "p95",
        "p99 ms": "p99",
    }
    row = [
        _format_range(_summarize(runs, name), ",.0f" if name.startswith("per") else ",.1f")
        for name in columns.values()
    ]
    text = (
        "One `fraud serve` with one event loop; the client is a separate process with 16 "
        "connections. The rates are measured with the server answering as fast as it can. "
        "Latencies are measured from the time a request was due, at "
        f"{runs[0]['rate']:,} a second. {api.describe_target(runs)}"
    )
    table = _render_table(["", *columns], [["fraud serve", *row]])
    return f"## POST /predict\n\n{text}\n\n{table}"


def _render_cost(drains: list[Entry]) -> str:
    rows = []
    for name, entries in group_by(drains, lambda entry: entry["system"]).items():
        system = _summarize(entries, "system_cpu_us").median
        broker = _summarize(entries, "broker_cpu_us").median
        cents = 100 * (system + broker) / 3600 * _VCPU_HOUR
        rows.append([_full_title(name), f"{system:,.1f}", f"{broker:,.1f}", f"{cents:.3f}"])
    text = (
        f"At {_VCPU_HOUR} USD per vCPU hour (AWS Fargate, Linux on x86, us-east-1, "
        "aws.amazon.com/fargate/pricing)."
    )
    head = ["system", "CPU seconds", "broker CPU seconds", "US cents"]
    return f"## Cost of a million transactions\n\n{text}\n\n{_render_table(head, rows)}"


def _render_targets(results: Entry) -> str:
    """Compare the medians with the project's targets."""
    rows = [
        *_compare_rates(results["drains"]),
        *_compare_latencies(results["latencies"]),
    ]
    start = _summarize(results["starts"], "worker_s").median
    name = "s from a worker's start to its first prediction"
    rows.append([name, f"{_START_S}", f"{start:.1f}", _yes(start <= _START_S)])
    table = _render_table(["", "target", "measured", "reached"], rows)
    return f"## Targets\n\n{table}\n\n{_LIMITS}"


def _compare_rates(drains: list[Entry]) -> list[list[str]]:
    groups = group_by(drains, lambda entry: entry["system"])
    rates = {name: _summarize(entries, "per_second").median for name, entries in groups.items()}
    rows = []
    for name, target in _RATES.items():
        if name in rates:
            title = f"tx/s, exactly once: {SYSTEMS[name].title}"
            rate = rates[name]
            rows.append([title, f"{target:,}", f"{rate:,.0f}", _yes(rate >= target)])
    for peer, target in _TIMES.items():
        if _OURS in rates and peer in rates:
            title = f"2 workers, times as fast as {_full_title(peer)}"
            times = rates[_OURS] / rates[peer]
            rows.append([title, f"{target}", f"{times:.1f}", _yes(times >= target)])
    return rows


def _compare_latencies(latencies: list[Entry]) -> list[list[str]]:
    groups = group_by(latencies, lambda entry: (entry["system"], entry["rate"]))
    rows = []
    for rate, target in _P99_MS.items():
        for name in _RATES:
            if (name, rate) in groups:
                title = f"p99 in ms at {rate:,}/s, exactly once: {SYSTEMS[name].title}"
                p99 = _summarize(groups[name, rate], "p99", 1000).median
                rows.append([title, f"{target}", f"{p99:,.0f}", _yes(p99 <= target)])
    return rows


def _yes(reached: bool) -> str:
    return "yes" if reached else "no"
