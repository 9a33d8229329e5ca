"""`fraud report`: write Evidently's report on a closed window or a file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.app import LOOK, app
from cli.errors import CommandError
from cli.support.broker import ensure_reachable
from cli.support.options import AsJson, ModelFolder, SchemaName
from cli.support.payment_files import announce, tell_history_begins
from cli.support.progress import Quiet, show_bars
from cli.support.settings import Settings
from drift.detect.verdict import describe_largest, describe_shift, describe_verdict

if TYPE_CHECKING:
    from drift.reports.evidently_report import ReportRequest


@app.command(rich_help_panel=LOOK)
def report(
    *,
    window: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="NUMBER", help="Number of a closed window, to read again from Kafka."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Report on this payment file instead of a window. Needs no Kafka; a Class column "
            "adds quality metrics.",
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --data: file to compare with. [default: the model's reference]",
        ),
    ] = None,
    model: ModelFolder = None,
    schema_name: SchemaName = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="HTML file to write. [default: in reports in FRAUD_HOME]"
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write the drift report of a window, or of a file compared with the model's out-of-fold rows.

    Without --model, a window is compared with the model that the monitor used.

    Example: fraud report --data tomorrow.csv
    """
    if (window is None) == (data is None):
        raise typer.BadParameter("give either --window or --data")
    if reference and data is None:
        raise typer.BadParameter("--reference requires --data")
    settings = Settings.from_environment(model_dir=model, schema_name=schema_name)
    for path in (data, reference):
        if path:
            announce(path, settings.schema)
            tell_history_begins(path, settings.schema)
    with show_bars(quiet) as update:
        update("reading", 0, 2)
        request = (
            _request_for_window(settings, window, out)
            if window
            else _request_for_file(settings, data or Path(), reference, out)
        )
        update("writing", 1, 2)
        result = _write(request)
    line = _format_result(result, request.verdict.columns.units)
    print(json.dumps(result, allow_nan=False) if as_json else line)


def _request_for_window(settings: Settings, number: int, out: Path | None) -> "ReportRequest":
    from drift import predictions, window_reader
    from drift.detect.detector import SAMPLE_ROWS
    from drift.detect.reference import load
    from drift.labels.join import DecisionReader
    from drift.reports.evidently_report import ReportRequest
    from drift.reports.schedule import name_reports_folder, report_name
    from drift.windows.window import sample

    connection = ensure_reachable(settings.make_connection())
    event, before = window_reader.find_window(connection, number)
    directory = settings.model
    kept = settings.models / event.model_version
    if settings.model_dir is None and kept.exists():
        directory = kept
    loaded = load(directory, settings.schema)
    if loaded.version != event.model_version:
        raise CommandError(
            f"window {number} was compared with model {event.model_version}, not {loaded.version}: "
            "pass its directory with --model"
        )
    decoder = predictions.PredictionDecoder(loaded.encoder)
    columns = loaded.detector.columns
    read = window_reader.read_window(connection, event, decoder)
    rows = predictions.make_detector_rows(read.rows(), columns)
    baseline = window_reader.rebuild_baseline(connection, before, decoder, columns)
    verdict = loaded.detector.detect(rows, baseline)
    if verdict is None:
        raise CommandError(f"window {number} has {event.events} events, too few for a verdict")
    path = out or settings.home / name_reports_folder(connection) / report_name(number)
    return ReportRequest(
        path,
        verdict.clip(sample(rows, read.offsets, SAMPLE_ROWS)),
        verdict,
        window_reader.read_labelled(DecisionReader(connection, settings.schema), event),
        event.shifted,
    )


def _request_for_file(
    settings: Settings, data: Path, reference: Path | None, out: Path | None
) -> "ReportRequest":
    from drift.detect.columns import Columns
    from drift.detect.detector import MIN_EVENTS, SAMPLE_ROWS
    from drift.detect.reference import build_detector, load
    from drift.reports.evidently_report import ReportRequest
    from drift.reports.scored_file import score_file
    from drift.windows.window import sample
    from model.artefact import Model

    loaded = Model.load(settings.model, settings.schema)
    columns = Columns(loaded.decoder.encoder)
    rows, labelled = score_file(loaded, columns, data)
    if reference:
        reference_rows, _ = score_file(loaded, columns, reference)
        detector = build_detector(
            reference_rows, columns, reference, "choose another with --reference"
        )
    else:
        detector = load(loaded.directory, settings.schema).detector
    verdict = detector.detect(rows)
    if verdict is None:
        raise CommandError(
            f"{data} has {len(rows)} rows, too few for a verdict: it takes at least {MIN_EVENTS}"
        )
    path = out or settings.home / "reports" / f"{data.stem}-report.html"
    shown = verdict.clip(sample(rows, {0: (0, len(rows))}, SAMPLE_ROWS))
    return ReportRequest(path, shown, verdict, labelled)


def _write(request: "ReportRequest") -> dict[str, Any]:
    import warnings

    from drift.reports.evidently_report import write_report

    warnings.simplefilter("ignore")  # of numpy and Evidently, about constant columns
    try:
        write_report(request)
    except OSError as error:
        raise CommandError(
            f"{request.path} cannot be written: {error.strerror}; choose another with --out"
        ) from None
    verdict = request.verdict
    return {
        "report": str(request.path),
        "rows": len(request.rows),
        "score": verdict.score,
        "detected": verdict.detected,
        "distances": verdict.distances,
        "stuck": verdict.constant_ratios,
        "shifted": request.shifted,
        "labelled": len(request.labelled.fraud) if request.labelled else 0,
    }


def _format_result(result: dict[str, Any], units: Mapping[str, str]) -> str:
    verdict = describe_verdict(result["detected"], result["score"], result["stuck"])
    return (
        f"{verdict}{describe_shift(result['shifted'])}, score {result['score']:.3f}, "
        f"{describe_largest(result['distances'], units)}, "
        f"{result['labelled']:,} labelled; {result['report']}"
    )
