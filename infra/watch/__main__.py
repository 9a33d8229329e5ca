"""Run Prometheus, Alertmanager and node exporter until Ctrl-C: python -m infra.watch

They listen on 127.0.0.1 and keep their data in FRAUD_HOME/watch. They watch the scorers of the same
FRAUD_HOME, which announce their workers, and the monitor and API on the ports that the variables
set. Alerts are printed, or posted to FRAUD_ALERT_WEBHOOK.
"""

# ruff: noqa: T201 - a program that prints

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from infra.interrupts import Interrupts
from infra.kafka import ports
from infra.processes import end_trees
from infra.watch import configuration, webhook
from infra.watch import targets as announced
from infra.watch.programs import Program, find_problems, list_programs

_ROOT = Path(__file__).resolve().parent.parent.parent
_OURS = 8002  # the webhook of alertmanager.yml
_STOP_S = 10


def main() -> int:
    """Return 1 if a program is missing, a port is in use, or one of the programs ends by itself."""
    home = Path(os.environ.get("FRAUD_HOME") or _ROOT / ".run").resolve()
    folder = home / "watch"
    theirs = os.environ.get("FRAUD_ALERT_WEBHOOK")
    try:
        wanted = list_programs(folder, os.environ)
        targets = _list_targets(os.environ, wanted)
    except ValueError as error:
        return _fail([str(error)])
    reasons = list(find_problems(wanted))
    if not theirs and ports.is_taken(_OURS):
        reasons.append(
            f"port {_OURS} (alerts) is in use by another program; "
            "stop it, or set FRAUD_ALERT_WEBHOOK to your own URL"
        )
    if reasons:
        return _fail(reasons)
    configuration.write(
        folder, targets, theirs or configuration.DEFAULT_WEBHOOK, announced.make_pattern(home)
    )
    if not theirs:
        webhook.serve(_OURS, lambda alert: print(webhook.format_alert(alert), flush=True))
    return _run(wanted, folder)


def _fail(reasons: list[str]) -> int:
    print(*reasons, sep="\n", file=sys.stderr)
    return 1


def _list_targets(environment: Mapping[str, str], wanted: list[Program]) -> dict[str, list[str]]:
    """Return host:port by job, without the scorer's. Raises ValueError."""
    node, alertmanager, _ = (f"127.0.0.1:{program.port}" for program in wanted)
    targets = configuration.list_service_targets(environment) | {
        "node": [node],
        "alertmanager": [alertmanager],
    }
    del targets["scorer"]  # `fraud score` announces its workers
    return targets


def _run(wanted: list[Program], folder: Path) -> int:
    """Run the programs until a signal arrives or one of them ends; then stop them all."""
    interrupts = Interrupts()
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for program in wanted:
            running[program.name] = program.start(folder / "logs" / f"{program.name}.log")
            print(
                f"{program.name}: http://127.0.0.1:{program.port}, "
                f"log {folder}/logs/{program.name}.log"
            )
        print("Press Ctrl-C to stop them", flush=True)
        os.wait()
        ended = [name for name, process in running.items() if process.poll() is not None]
        print(f"{', '.join(ended)} ended by itself; see its log", file=sys.stderr)
    except KeyboardInterrupt:
        return 0
    else:
        return 1
    finally:
        interrupts.ignore()
        alive = (process.pid for process in running.values() if process.poll() is None)
        end_trees(alive, _STOP_S)


if __name__ == "__main__":
    sys.exit(main())
