"""`fraud score`: the workers that score the stream."""

import gc
import logging
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.app import app
from cli.errors import DONE, FAILED, CommandError
from cli.support.imports import block_sklearn
from cli.support.stopping import exit_after
from infra.watch import targets
from model.files import write_atomically
from streams.kafka import topics
from streams.scorer.options import Guarantee, ScorerOptions
from streams.scorer.supervisor import Supervisor, stop_with_parent

if TYPE_CHECKING:
    from cli.support.settings import Settings

log = logging.getLogger("fraud")

# A batch of 4,096 lives in some 50,000 containers without a cycle, which counting references frees: with Python's default of 700 the
# collector went through all of them dozens of times a batch, an eighth of a worker's CPU (perf, one worker draining a topic).
_GC_THRESHOLD = 200_000
_HARD_STOP_S = 4.8  # a broker that does not answer may hold a call; nothing that is not committed was acknowledged


def _set_up_logging(who: str) -> None:
    logging.basicConfig(
        level=logging.INFO,
        format=f"%(asctime)s %(levelname)s {who}: %(message)s",
        stream=sys.stderr,
    )
    for noisy in (
        "faust",
        "mode",
        "streams.scorer.agent",
    ):  # Faust tells of each service that starts and stops
        logging.getLogger(noisy).setLevel(logging.WARNING)


def run_worker(settings: "Settings", number: int, restarts: int, options: ScorerOptions) -> None:
    """The body of one worker process. Exits 0 after SIGTERM, 1 when it failed, and what streams.scorer.supervisor declares."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches the supervisor, which stops its workers in order
    _set_up_logging(f"worker {number}")
    stop_with_parent()
    try:
        code = _score(settings, number, restarts, options)
    except Exception as error:  # one line, then the supervisor decides
        log.error("%s: %s", type(error).__name__, error, exc_info=log.isEnabledFor(logging.DEBUG))  # noqa: TRY400 - a line, not a trace
        code = FAILED
    sys.stderr.flush()
    os._exit(code)  # threads of a client library that waits for a broker must not hold the process


def _score(settings: "Settings", number: int, restarts: int, options: ScorerOptions) -> int:
    block_sklearn()
    from model.artefact import Model  # XGBoost takes seconds to import: paid by the workers only
    from model.errors import ArtefactError
    from streams.kafka.errors import AFTER_OUTAGE, DO_NOT_RESTART, StreamError
    from streams.scorer.worker import Identity, Worker
    from streams.status_server import PortTakenError

    identity = Identity(
        f"fraud-scorer-{settings.instance}-{number}",
        settings.metrics_port + number,
        restarts,
        settings.metrics_host,
    )
    try:
        model = Model.load(settings.model)
        gc.freeze()  # what is there now stays
        gc.set_threshold(_GC_THRESHOLD)
        Worker(
            settings.connection(), model, identity, options, partial(exit_after, _HARD_STOP_S)
        ).run()
    except StreamError as error:
        # the message says what to do; no trace
        log.log(logging.WARNING if error.exit_code == AFTER_OUTAGE else logging.ERROR, "%s", error)
        return error.exit_code
    except (ArtefactError, PortTakenError) as error:
        log.error("%s", error)  # noqa: TRY400 - as above
        return DO_NOT_RESTART
    return DONE


def announce(home: Path, host: str, port: int, workers: int) -> Path:
    """Tell the Prometheus of `make watch` where the workers listen. Raises OSError."""
    path = targets.path(home, port)
    write_atomically(path, targets.listing(host, port, workers))
    return path


def _try_announce(settings: "Settings", workers: int) -> Path | None:
    try:
        return announce(settings.home, settings.metrics_host, settings.metrics_port, workers)
    except OSError as error:
        # expected in a container: its file system is read-only, and Prometheus finds workers by name
        log.info("`make watch` will not see these workers: %s", error)
        return None


@app.command()
def score(
    workers: Annotated[
        int,
        typer.Option(min=1, help="Processes that score; each takes its share of the partitions."),
    ] = 1,
    metrics_port: Annotated[
        int | None, typer.Option(help="Port of worker 0's metrics; worker i has this + i.")
    ] = None,
    guarantee: Annotated[
        Guarantee,
        typer.Option(
            help="at-least-once answers sooner, and scores some transactions twice after a crash."
        ),
    ] = Guarantee.EXACTLY_ONCE,
    max_bytes: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=topics.MAX_SCORED_BYTES,
            help="A larger transaction is a dead letter. Default: 65536.",
        ),
    ] = None,
    max_dead_share: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Stop, with exit code 3, when more than this share of a worker's last 10,000 is refused.",
        ),
    ] = 1.0,
) -> None:
    """Score every transaction on the topic, exactly once unless --guarantee says otherwise, until SIGTERM or Ctrl-C.

    Example: fraud score --workers 2
    """
    from cli.support.settings import Settings

    settings = Settings.from_environment()
    _set_up_logging("scorer")
    artefact = (
        settings.model.resolve()
    )  # one version for all workers, whatever `latest` names tomorrow
    if not artefact.is_dir():
        raise CommandError(f"there is no model in {settings.model}; run: fraud train")
    options = ScorerOptions(guarantee, max_bytes, max_dead_share)
    settings = settings.model_copy(
        update={"model_dir": artefact, "metrics_port": metrics_port or settings.metrics_port}
    )
    announced = _try_announce(settings, workers)
    code = Supervisor(partial(run_worker, settings, options=options), workers).run()
    if announced and code == DONE:
        announced.unlink(missing_ok=True)
    sys.exit(code)
