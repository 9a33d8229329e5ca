"""Write the report: tables and plots of the results. Sections without results are left out."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.catalogue import SYSTEMS
from benchmarks.harness.results import Entry, Spread, group_by, summarize
from benchmarks.measurements import api
from benchmarks.report import plots
from model.reports.rendering import make_environment

_STAGES = ("consume", "decode", "features", "score", "explain", "encode", "produce", "commit")
_OURS = "ours-2"
_CONFIGURATIONS = {
    "workers": "Throughput by workers",
    "batches": "Throughput by maximum batch size",
}
# Targets on two cores: minimum transactions a second, minimum speed relative to a peer, maximum
# latency and start-up time.
_RATES = {"ours-1": 75_000, "ours-2": 100_000}
_TIMES = {"faust": 30, "quix-eo": 9, "bytewax": 1, "pathway": 1}
_P99_MS = {2_000: 25, 10_000: 50}
_START_S = 5

Curves = dict[str, dict[int, dict[str, Spread]]]
"""Spreads by system, rate and measure: percentiles in ms, and the rate achieved."""


class Target(NamedTuple):
    """A row of the table of targets."""

    name: str
    limit: str
    measured: str
    reached: bool


def write_report(results: Entry, page: Path) -> None:
    """Write the page, and its plots to a folder of the same name."""
    folder = page.with_suffix("")
    drains = results.get("drains", [])
    systems = group_by(drains, lambda entry: entry["system"])
    rates = {name: _summarize(entries, "per_second") for name, entries in systems.items()}
    curves = _group_curves(results.get("latencies", []))
    _draw_plots(results, rates, curves, folder)
    template = _ENVIRONMENT.get_template("performance.md.j2")
    content = template.render(
        results=results,
        ended=results.get("ended", {}),
        folder=folder.name,
        alert_share=_compute_alert_share(drains),
        systems=systems,
        rates=rates,
        curves=curves,
        targets=list(_compare(results, rates)),
    )
    page.write_text(content)


def _draw_plots(results: Entry, rates: dict[str, Spread], curves: Curves, folder: Path) -> None:
    per_second = "transactions a second"
    if rates:
        bars = {_make_title(name): rate for name, rate in rates.items()}
        plots.draw_bars(folder / "throughput.svg", "Throughput", bars, per_second)
    for section, title in _CONFIGURATIONS.items():
        if section in results:
            groups = _group_by_configuration(results[section])
            bars = {name: _summarize(entries, "per_second") for name, entries in groups.items()}
            plots.draw_bars(folder / f"{section}.svg", title, bars, per_second)
    if "latencies" in results:
        titled = {SYSTEMS[name].title: curve for name, curve in curves.items()}
        plots.draw_latencies(folder / "latency.svg", titled)
    if "stages" in results:
        stack = {name: results["stages"][-1][name] for name in _STAGES}
        plots.draw_stack(folder / "stages.svg", "CPU by stage", stack, "us a transaction")


def _format_range(values: Spread, form: str = ",.0f") -> str:
    if values.low == values.high:
        return f"{values.median:{form}}"
    return f"{values.median:{form}} ({values.low:{form}} to {values.high:{form}})"


def _summarize(entries: Iterable[Entry], name: str, factor: float = 1.0) -> Spread:
    return summarize([entry[name] * factor for entry in entries])


def _make_title(name: str) -> str:
    return f"{SYSTEMS[name].title}, {SYSTEMS[name].guarantee}"


def _group_by_configuration(drains: list[Entry]) -> dict[str, list[Entry]]:
    """Group runs of this project by what varies between them."""
    return group_by(
        drains, lambda entry: SYSTEMS[entry["system"]].title.removeprefix("this project, ")
    )


def _by_size(drains: list[Entry]) -> dict[int, list[Entry]]:
    return group_by(drains, lambda entry: entry["size"])


def _compute_alert_share(drains: list[Entry]) -> float:
    predictions = sum(drain["predictions"] for drain in drains)
    return sum(drain["alerts"] for drain in drains) / predictions if predictions else 0.0


def _describe_predictions(entries: list[Entry]) -> str:
    lost = sum(entry["lost"] or 0 for entry in entries)
    duplicated = sum(entry["duplicated"] for entry in entries)
    if not all(entry["complete"] for entry in entries):
        return f"{duplicated:,} duplicated; stopped early"
    return f"{lost:,} lost, {duplicated:,} duplicated" if lost or duplicated else "all, once"


def _group_curves(latencies: list[Entry]) -> Curves:
    curves: Curves = {}
    measured = [entry for entry in latencies if entry["p99"] is not None]
    for (system, rate), runs in group_by(
        measured, lambda entry: (entry["system"], entry["rate"])
    ).items():
        spreads = {name: _summarize(runs, name, 1000) for name in ("p50", "p95", "p99")}
        spreads["achieved_per_second"] = _summarize(runs, "achieved_per_second")
        curves.setdefault(system, {})[rate] = spreads
    return curves


def _sum_stages(stages: Entry) -> float:
    return float(sum(stages[name] for name in _STAGES))


def _compare(results: Entry, rates: dict[str, Spread]) -> Iterator[Target]:
    """Compare the medians with the project's targets, if all of them were measured."""
    if not {"drains", "latencies", "starts"} <= results.keys():
        return
    for name, target in _RATES.items():
        if name in rates:
            title = f"tx/s, exactly once: {SYSTEMS[name].title}"
            rate = rates[name].median
            yield Target(title, f"{target:,}", f"{rate:,.0f}", rate >= target)
    for peer, target in _TIMES.items():
        if _OURS in rates and peer in rates:
            title = f"2 workers, times as fast as {_make_title(peer)}"
            times = rates[_OURS].median / rates[peer].median
            yield Target(title, f"{target}", f"{times:.1f}", times >= target)
    groups = group_by(results["latencies"], lambda entry: (entry["system"], entry["rate"]))
    for rate, target in _P99_MS.items():
        for name in _RATES:
            if (name, rate) in groups:
                title = f"p99 in ms at {rate:,}/s, exactly once: {SYSTEMS[name].title}"
                p99 = _summarize(groups[name, rate], "p99", 1000).median
                yield Target(title, f"{target}", f"{p99:,.0f}", p99 <= target)
    start = _summarize(results["starts"], "worker_s").median
    title = "s from a worker's start to its first prediction"
    yield Target(title, f"{_START_S}", f"{start:.1f}", start <= _START_S)


_ENVIRONMENT = make_environment("benchmarks.report")
_ENVIRONMENT.filters |= {"number": format, "spread": _format_range}
_ENVIRONMENT.globals |= {
    "SYSTEMS": SYSTEMS,
    "ours": _OURS,
    "configurations": _CONFIGURATIONS,
    "stages": _STAGES,
    "summarize": _summarize,
    "full_title": _make_title,
    "by_configuration": _group_by_configuration,
    "by_size": _by_size,
    "describe_predictions": _describe_predictions,
    "describe_target": api.describe_target,
    "sum_stages": _sum_stages,
}
