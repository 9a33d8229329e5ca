"""Prometheus, Alertmanager and node exporter beside what runs on this machine, until Ctrl-C: python -m infra.watch

They listen on 127.0.0.1; what they keep lies in .run/watch (FRAUD_HOME moves it). Each scorer of the same FRAUD_HOME tells where its
workers listen; the ports of the monitor and the API come from the variables that these take them from. Alerts are printed, or go to the
webhook FRAUD_ALERT_WEBHOOK.
"""

# ruff: noqa: T201 - a program of its own: it prints what happens

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
from infra.watch.programs import Program, problems, programs

_ROOT = Path(__file__).resolve().parent.parent.parent
_OURS = 8002  # the webhook of alertmanager.yml
_STOP_S = 10


def main() -> int:
    """Exit code 1 when something is missing, a port is taken, or one of them ends by itself."""
    home = Path(os.environ.get("FRAUD_HOME") or _ROOT / ".run").resolve()
    folder = home / "watch"
    theirs = os.environ.get("FRAUD_ALERT_WEBHOOK")
    try:
        wanted = programs(folder, os.environ)
        targets = _targets(os.environ, wanted)
    except ValueError as error:
        return _refused([str(error)])
    found = list(problems(wanted))
    if not theirs and ports.is_taken(_OURS):
        found.append(
            f"port {_OURS} (alerts) is held by another program; end it, or set FRAUD_ALERT_WEBHOOK to a URL of yours"
        )
    if found:
        return _refused(found)
    configuration.write(
        folder, targets, theirs or configuration.DEFAULT_WEBHOOK, announced.pattern(home)
    )
    if not theirs:
        webhook.serve(_OURS, lambda alert: print(webhook.format_alert(alert), flush=True))
    return _run(wanted, folder)


def _refused(reasons: list[str]) -> int:
    print(*reasons, sep="\n", file=sys.stderr)
    return 1


def _targets(environment: Mapping[str, str], wanted: list[Program]) -> dict[str, list[str]]:
    """host:port by job, without the scorer's. Raises ValueError."""
    node, alertmanager, _ = (f"127.0.0.1:{program.port}" for program in wanted)
    found = configuration.service_targets(environment) | {
        "node": [node],
        "alertmanager": [alertmanager],
    }
    del found["scorer"]  # how many workers there are is for `fraud score` to tell
    return found


def _run(wanted: list[Program], folder: Path) -> int:
    """Until a signal comes or one of them ends; then all are ended."""
    interrupts = Interrupts()
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for program in wanted:
            running[program.name] = program.start(folder / "logs" / f"{program.name}.log")
            print(
                f"{program.name}: http://127.0.0.1:{program.port}, log {folder}/logs/{program.name}.log"
            )
        print("Ctrl-C ends them", flush=True)
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
