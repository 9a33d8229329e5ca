"""Measure the sections of the results. Each prints its progress and is saved when complete."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

from benchmarks.catalogue import SYSTEMS
from benchmarks.harness.bench import DRAIN, Bench
from benchmarks.harness.machine import describe_machine
from benchmarks.harness.results import Results
from benchmarks.harness.topic import clear, load, preload
from benchmarks.measurements.api import measure_api
from benchmarks.measurements.decoder import SIZES, SMALL, measure_decoder
from benchmarks.measurements.drain import DrainResult, drain
from benchmarks.measurements.live import measure_latencies, measure_start
from benchmarks.measurements.stages import measure_stages
from streams.kafka import topics

# During its first minute of small transactions, the broker's JIT compiler takes up to two thirds
# of a core, whatever was drained before.
_SETTLING_RATE = 2_000
_SETTLING_S = 60.0
# Bytes of a transaction's value; what others add to a payment takes 1 to 4 kB.
_SIZES = (560, 1_000, 2_000, 4_000, 16_000, 65_000)
_SIZES_BYTES = 1_000_000_000  # of input for each size


@dataclass(frozen=True)
class Measurement:
    """Measures some or all sections into one results file."""

    bench: Bench
    results: Results
    records: int
    runs: int

    def describe_machine(self) -> None:
        """Record what the figures apply to."""
        self.results.write("machine", describe_machine(self.bench))

    def warm_up(self) -> None:
        """Load the topic and drain it once without counting, to warm the broker's JVM."""
        preload(self.bench, self.records)
        _print_drain("warm-up", drain(self.bench, SYSTEMS["ours-2"], self.records))

    def measure_drains(self, section: str, names: Iterable[str], limit_s: float = 60.0) -> None:
        """Drain with every system in turn, `runs` times. Slow systems stop after `limit_s`."""
        preload(self.bench, self.records)
        results = []
        for run in range(1, self.runs + 1):
            for name in names:
                system = replace(SYSTEMS[name], limit_s=min(SYSTEMS[name].limit_s, limit_s))
                results.append(drain(self.bench, system, self.records))
                _print_drain(f"run {run}", results[-1])
        self.results.write(section, list(map(asdict, results)))

    def measure_sizes(self) -> None:
        """Drain transactions of several sizes with one worker, `runs` times each."""
        found = []
        for size in _SIZES:
            records = min(self.records, _SIZES_BYTES // size)
            load(self.bench, records, size)
            for run in range(1, self.runs + 1):
                result = drain(self.bench, SYSTEMS["ours-1"], records)
                _print_drain(f"{size:,} bytes, run {run}", result)
                found.append(asdict(result) | {"size": size})
        clear(self.bench.make_connection(DRAIN), topics.TRANSACTIONS)
        self.results.write("sizes", found)

    def measure_latencies(
        self,
        names: Sequence[str],
        rates: Sequence[int],
        seconds: float,
        settling_s: float = _SETTLING_S,
    ) -> None:
        """Measure every system at every rate it sustains, `runs` times.

        The first `settling_s` seconds do not count.
        """
        measure_latencies(self.bench, SYSTEMS[names[0]], [_SETTLING_RATE], settling_s)
        results = []
        for run in range(1, self.runs + 1):
            for name in names:
                for latency in measure_latencies(self.bench, SYSTEMS[name], rates, seconds):
                    print(f"run {run}: {latency}", flush=True)
                    results.append(asdict(latency))
            self.results.write("latencies", results)  # keep these if a later run fails

    def measure_starts(self) -> None:
        """Measure the time from a worker's start to its first prediction."""
        results = [asdict(measure_start(self.bench, SYSTEMS["ours-1"])) for _ in range(self.runs)]
        print(results, flush=True)
        self.results.write("starts", results)

    def measure_stages(self, sizes: Iterable[int]) -> None:
        """Measure the CPU per transaction by stage, for each batch size."""
        preload(self.bench, self.records)
        results = [asdict(measure_stages(self.bench, size)) for size in sizes]
        for stages in results:
            print(stages, flush=True)
        self.results.write("stages", results)

    def measure_api(self, seconds: float) -> None:
        """Measure rate, CPU cost and latency of POST /predict."""
        results = [asdict(measure_api(self.bench, seconds)) for _ in range(self.runs)]
        print(results, flush=True)
        self.results.write("api", results)


def measure_decoding(results: Results) -> None:
    """Measure the decoder's CPU per byte by size and shape; this needs no broker."""
    print(f"CPU per byte, relative to a transaction of {len(SMALL)} bytes")
    print(" " * 36 + "".join(f"{size:8,}" for size in SIZES), "bytes")
    found = []
    for cost in measure_decoder():
        ratios = "".join(f"{ratio:8.2f}" for ratio in cost.ratios.values())
        print(f"{cost.shape:36}{ratios}", flush=True)
        found.append(asdict(cost))
    results.write("decoder", found)


def _print_drain(run: str, result: DrainResult) -> None:
    lost = "stopped early" if result.lost is None else f"{result.lost:,} lost"
    print(
        f"{run}: {result.system}: {result.per_second:,.0f} tx/s over {result.seconds:.1f} s, "
        f"{result.predictions:,} predictions ({result.duplicated:,} duplicated, {lost}), "
        f"{result.alerts:,} alerts; "
        f"CPU {result.system_cpu_us:.1f} + broker {result.broker_cpu_us:.1f} us/tx; "
        f"{result.peak_process_mib:.0f} MiB; first after {result.first_prediction_s:.1f} s",
        flush=True,
    )
