"""The sections of the results: each measures, says what it found as it goes, and is written when it is complete."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

from benchmarks.api import answers
from benchmarks.bench import Bench
from benchmarks.catalogue import SYSTEMS
from benchmarks.drain import Drained, drain
from benchmarks.live import latencies, start
from benchmarks.machine import machine
from benchmarks.results import Results
from benchmarks.stages import profile
from benchmarks.topic import preload

# in its first minute of small transactions the broker's JIT compiler takes up to two thirds of a core, whatever was drained before
_SETTLING_RATE, _SETTLING_S = 2_000, 60.0


@dataclass(frozen=True)
class Measurement:
    """One measurement of everything or of a part, into one file of results."""

    bench: Bench
    results: Results
    records: int
    runs: int

    def machine(self) -> None:
        """What the figures hold for."""
        self.results.write("machine", machine(self.bench))

    def warm_up(self) -> None:
        """Loads the topic, and drains it once without counting: a broker is slow until its JVM is warm."""
        preload(self.bench, self.records)
        _say("warm-up", drain(self.bench, SYSTEMS["ours-2"], self.records))

    def drains(self, section: str, names: Iterable[str], limit_s: float = 60.0) -> None:
        """Every system in turn, `runs` times over; a slow one is stopped after `limit_s`, if it is not done."""
        preload(self.bench, self.records)
        found = []
        for run in range(1, self.runs + 1):
            for name in names:
                system = replace(SYSTEMS[name], limit_s=min(SYSTEMS[name].limit_s, limit_s))
                found.append(drain(self.bench, system, self.records))
                _say(f"run {run}", found[-1])
        self.results.write(section, list(map(asdict, found)))

    def latencies(
        self,
        names: Sequence[str],
        rates: Sequence[int],
        seconds: float,
        settling_s: float = _SETTLING_S,
    ) -> None:
        """Every system at every rate, `runs` times over, as far as it keeps up; before, `settling_s` that do not count."""
        latencies(self.bench, SYSTEMS[names[0]], [_SETTLING_RATE], settling_s)
        found = []
        for run in range(1, self.runs + 1):
            for name in names:
                for measured in latencies(self.bench, SYSTEMS[name], rates, seconds):
                    print(f"run {run}: {measured}", flush=True)
                    found.append(asdict(measured))
            self.results.write("latencies", found)  # what is there stays, should a later run fail

    def starts(self) -> None:
        """From a worker's start to its first prediction."""
        found = [asdict(start(self.bench, SYSTEMS["ours-1"])) for _ in range(self.runs)]
        print(found, flush=True)
        self.results.write("starts", found)

    def stages(self, sizes: Iterable[int]) -> None:
        """CPU a transaction by stage, by the size of a batch."""
        preload(self.bench, self.records)
        found = [asdict(profile(self.bench, size)) for size in sizes]
        for stages in found:
            print(stages, flush=True)
        self.results.write("stages", found)

    def answers(self, seconds: float) -> None:
        """POST /predict: rate, cost and latency."""
        found = [asdict(answers(self.bench, seconds)) for _ in range(self.runs)]
        print(found, flush=True)
        self.results.write("api", found)


def _say(run: str, drained: Drained) -> None:
    missing = "cut off" if drained.lost is None else f"{drained.lost:,} lost"
    print(
        f"{run}: {drained.system}: {drained.per_second:,.0f} tx/s over {drained.seconds:.1f} s, "
        f"{drained.predictions:,} predictions ({drained.duplicated:,} doubled, {missing}), {drained.alerts:,} alerts; "
        f"CPU {drained.system_cpu_us:.1f} + broker {drained.broker_cpu_us:.1f} us/tx; "
        f"{drained.peak_process_mib:.0f} MiB; first after {drained.first_prediction_s:.1f} s",
        flush=True,
    )
