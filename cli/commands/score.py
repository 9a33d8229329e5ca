"""`fraud score`: the workers that score the stream."""

import gc
import logging
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from cli.app import RUN, app
from cli.errors import DONE, FAILED, CommandError, SettingsError
from cli.support.imports import block_sklearn
from cli.support.listener import explain_taken
from cli.support.options import SchemaName, flag
from cli.support.settings import Settings
from cli.support.stopping import exit_after
from infra.watch import targets
from model.files import write_atomically
from streams.kafka import topics
from streams.scorer.options import PORT_SETTING, Guarantee, ScorerOptions
from streams.scorer.supervisor import Supervisor, stop_with_parent

log = logging.getLogger("fraud")

# A batch of 4,096 lives in some 50,000 containers without cycles, which reference counting frees.
# With Python's default of 700, the collector visited them dozens of times per batch: an eighth of a
# worker's CPU (perf, one worker draining a topic).
_GC_THRESHOLD = 200_000
_HARD_STOP_S = 4.8  # an unresponsive broker can block a call; uncommitted work is redone


def _set_up_logging(who: str) -> None:
    logging.basicConfig(
        level=logging.INFO,
        format=f"%(asctime)s %(levelname)s {who}: %(message)s",
        stream=sys.stderr,
    )
    # Faust logs every service's start and stop
    for noisy in ("faust", "mode", "streams.scorer.agent"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def run_worker(settings: Settings, number: int, restarts: int, options: ScorerOptions) -> None:
    """Run a worker process.

    Exits with 0 after SIGTERM, 1 after a failure, or a code of streams.scorer.supervisor.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Ctrl-C, the supervisor stops its workers
    _set_up_logging(f"worker {number}")
    stop_with_parent()
    try:
        code = _score(settings, number, restarts, options)
    except Exception as error:  # log one line, and let the supervisor decide
        trace = log.isEnabledFor(logging.DEBUG)
        log.error("%s: %s", type(error).__name__, error, exc_info=trace)  # noqa: TRY400
        code = FAILED
    sys.stderr.flush()
    os._exit(code)  # client threads that wait for a broker must not keep the process alive


def _score(settings: Settings, number: int, restarts: int, options: ScorerOptions) -> int:
    block_sklearn()
    from model.artefact import Model  # XGBoost takes seconds to import: only in workers
    from model.errors import ArtefactError
    from streams.kafka.errors import AFTER_OUTAGE, CANNOT_START, StreamError
    from streams.scorer.worker import Identity, Worker
    from streams.status_server import PortTakenError

    identity = Identity(
        f"fraud-scorer-{settings.instance}-{number}",
        settings.metrics_port + number,
        restarts,
        settings.metrics_host,
    )
    try:
        model = Model.load(settings.model, settings.schema)
        gc.freeze()  # these objects stay
        gc.set_threshold(_GC_THRESHOLD)
        Worker(
            settings.make_connection(), model, identity, options, partial(exit_after, _HARD_STOP_S)
        ).run()
    except StreamError as error:
        if error.exit_code == FAILED:
            raise
        # the message says what to do; no trace
        log.log(logging.WARNING if error.exit_code == AFTER_OUTAGE else logging.ERROR, "%s", error)
        return error.exit_code
    except (ArtefactError, PortTakenError, SettingsError) as error:
        log.error("%s", error)  # noqa: TRY400 - as above
        return CANNOT_START
    return DONE


def announce(home: Path, host: str, port: int, workers: int) -> Path:
    """Tell the Prometheus of `make watch` where the workers listen. Raises OSError."""
    path = targets.make_path(home, port)
    write_atomically(path, targets.render(host, port, workers))
    return path


def _check_ports(settings: Settings, workers: int) -> None:
    """Raise PortError if the workers could not listen, before another scorer's file is replaced."""
    from streams.status_server import PortTakenError, check_port

    try:
        for worker in range(workers):
            check_port(settings.metrics_port + worker, PORT_SETTING, settings.metrics_host)
    except PortTakenError as error:
        raise explain_taken(error, settings.home) from None


def _read_history_key(settings: Settings, guarantee: Guarantee) -> bytes | None:
    """Return the key for secret fields. Raises SettingsError, SchemaError, typer.BadParameter."""
    from payments.state.hashing import MAX_KEY_BYTES

    schema = settings.schema
    if schema.declaration.features.risk:
        raise CommandError(
            f"the schema {schema.name} has [[features.risk]], for which the scorer would have to "
            "read labels, and it does not yet: train without them"
        )
    if schema.history_fields and guarantee is Guarantee.AT_LEAST_ONCE:
        raise typer.BadParameter(
            f"the schema {schema.name} has features of history, which count each payment exactly "
            "once: leave --guarantee out",
            param_hint="--guarantee",
        )
    key = settings.history_key.encode() if settings.history_key else None
    secret = [name for name in schema.history_fields if schema.fields[name].secret]
    if secret and key is None:
        raise SettingsError(
            f"FRAUD_HISTORY_KEY is not set: it hides the values of {', '.join(secret)}"
        )
    if key is not None and len(key) > MAX_KEY_BYTES:
        raise SettingsError(
            f"FRAUD_HISTORY_KEY has {len(key)} bytes; at most {MAX_KEY_BYTES} are used"
        )
    return key


def _try_announce(settings: Settings, workers: int) -> Path | None:
    try:
        return announce(settings.home, settings.metrics_host, settings.metrics_port, workers)
    except OSError as error:
        # expected in a container, which is read-only: there, Prometheus finds workers by name
        log.info("`make watch` will not see these workers: %s", error)
        return None


@app.command(rich_help_panel=RUN)
def score(
    *,
    workers: Annotated[
        int,
        typer.Option(
            min=1, metavar="NUMBER", help="Scoring processes, which share the partitions."
        ),
    ] = 1,
    schema_name: SchemaName = None,
    metrics_port: Annotated[int | None, flag("metrics_port", metavar="NUMBER")] = None,
    guarantee: Annotated[
        Guarantee,
        typer.Option(
            metavar="GUARANTEE",
            help="exactly-once, or at-least-once, which is faster but scores some transactions "
            "twice after a crash.",
        ),
    ] = Guarantee.EXACTLY_ONCE,
    max_bytes: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=topics.MAX_SCORED_BYTES,
            metavar="NUMBER",
            help="Larger transactions become dead letters. [default: 65536]",
        ),
    ] = None,
    max_dead_share: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            metavar="SHARE",
            help="Stop, with exit code 3, if a worker rejects more than this share "
            "of its last 10,000.",
        ),
    ] = 1.0,
    accept_history_gap: Annotated[
        bool,
        typer.Option(
            "--accept-history-gap",
            help="Begin although the history lacks payments that were scored; their accounts look "
            "less used than they were.",
        ),
    ] = False,
) -> None:
    """Score the topic `transactions` until SIGTERM or Ctrl-C, by default exactly once.

    Example: fraud score --workers 2
    """
    settings = Settings.from_environment(metrics_port=metrics_port, schema_name=schema_name)
    _set_up_logging("scorer")
    # one version for all workers, whatever `latest` names tomorrow
    artefact = settings.model.resolve()
    if not artefact.is_dir():
        raise CommandError(f"there is no model in {settings.model}; run: fraud train")
    # refuse invalid client settings and a bad schema before any worker starts
    settings.make_connection()
    options = ScorerOptions(
        guarantee,
        max_bytes,
        max_dead_share,
        _read_history_key(settings, guarantee),
        accept_history_gap,
    )
    settings = settings.model_copy(update={"model_dir": artefact})
    _check_ports(settings, workers)
    announced = _try_announce(settings, workers)
    code = Supervisor(partial(run_worker, settings, options=options), workers).run()
    if announced and code == DONE:
        announced.unlink(missing_ok=True)
    sys.exit(code)
