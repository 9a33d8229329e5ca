"""`fraud report`: Evidently's report on a closed window, or on a file."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.app import app
from cli.errors import CommandError
from cli.support.broker import ensure_reachable
from cli.support.progress import Quiet, bars
from drift.detect.verdict import describe_verdict

if TYPE_CHECKING:
    from cli.support.settings import Settings
    from drift.reports.evidently_report import ReportRequest


@app.command()
def report(
    *,
    window: Annotated[
        int | None, typer.Option(min=1, help="A closed window, read again by its offsets.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Or a CSV with V1..V28 and Amount; with Class, quality is in the report. No Kafka."
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(help="With --data: a CSV to compare with; default: the model's reference."),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="A model's directory; default: the window's, else the one in use."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The HTML file; default: in reports in FRAUD_HOME.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Make the drift report of a window, or of a file beside the rows that the model was judged on.

    Example: fraud report --data tomorrow.csv
    """
    from cli.support.settings import Settings

    if (window is None) == (data is None):
        raise typer.BadParameter("give --window or --data, one of them")
    if reference and data is None:
        raise typer.BadParameter("--reference goes with --data")
    settings = Settings.from_environment()
    with bars(quiet) as update:
        update("reading", 0, 2)
        made = (
            _of_window(settings, window, model, out)
            if window
            else _of_file(settings, data or Path(), reference, model, out)
        )
        update("writing", 1, 2)
        result = _written(made)
    print(json.dumps(result, allow_nan=False) if as_json else _sentence(result))


def _of_window(
    settings: "Settings", number: int, model: Path | None, out: Path | None
) -> "ReportRequest":
    from drift import predictions, window_reader
    from drift.detect import reference as references
    from drift.detect.detector import SAMPLE_ROWS
    from drift.reports.evidently_report import ReportRequest
    from drift.reports.schedule import report_name, reports_folder
    from drift.windows.window import sample

    connection = ensure_reachable(settings.connection())
    event, before = window_reader.find_window(connection, number)
    kept = settings.models / event.model_version
    known = references.load(
        model or (kept if settings.model_dir is None and kept.exists() else settings.model)
    )
    if known.version != event.model_version:
        raise CommandError(
            f"window {number} was compared with model {event.model_version}, not {known.version}: name its directory by --model"
        )
    found = window_reader.read_window(connection, event)
    rows = predictions.columns(found.rows())
    verdict = known.detector.detect(rows, window_reader.rebuild_baseline(connection, before))
    if verdict is None:
        raise CommandError(f"window {number} has {event.events} events, too few for a verdict")
    path = out or settings.home / reports_folder(connection) / report_name(number)
    return ReportRequest(
        path,
        sample(rows, found.offsets, SAMPLE_ROWS),
        verdict,
        window_reader.read_labelled(connection, event),
    )


def _of_file(
    settings: "Settings", data: Path, reference: Path | None, model: Path | None, out: Path | None
) -> "ReportRequest":
    from drift.detect import reference as references
    from drift.detect.detector import MIN_EVENTS, SAMPLE_ROWS
    from drift.reports import scored_file
    from drift.reports.evidently_report import ReportRequest
    from drift.windows.window import sample
    from model.artefact import Model

    loaded = Model.load(model or settings.model)
    rows, labelled = scored_file.score_file(loaded, data)
    if reference:
        known = references.build_detector(
            scored_file.score_file(loaded, reference)[0], reference, "name another by --reference"
        )
    else:
        known = references.load(loaded.directory).detector
    verdict = known.detect(rows)
    if verdict is None:
        raise CommandError(
            f"{data} has {len(rows)} rows, too few for a verdict: {MIN_EVENTS} are needed"
        )
    path = out or settings.home / "reports" / f"{data.stem}-report.html"
    return ReportRequest(path, sample(rows, {0: (0, len(rows))}, SAMPLE_ROWS), verdict, labelled)


def _written(task: "ReportRequest") -> dict[str, Any]:
    import warnings

    from drift.reports.evidently_report import write_report

    warnings.simplefilter("ignore")  # numpy's and Evidently's remarks about constant columns
    try:
        write_report(task)
    except OSError as error:
        raise CommandError(
            f"{task.path} cannot be written: {error.strerror}; name another by --out"
        ) from None
    verdict, labels = task.verdict, len(task.labelled.fraud) if task.labelled else 0
    found = {
        "score": verdict.score,
        "detected": verdict.detected,
        "distances": verdict.distances,
        "stuck": verdict.constant_ratios,
    }
    return {"report": str(task.path), "rows": len(task.rows), **found, "labelled": labels}


def _sentence(result: dict[str, Any]) -> str:
    farthest = max(result["distances"], key=result["distances"].__getitem__)
    verdict = describe_verdict(result["detected"], result["score"], result["stuck"])
    text = f"{verdict}, score {result['score']:.3f}, farthest {farthest} at {result['distances'][farthest]:.2f} sd"
    return f"{text}, {result['labelled']:,} labelled; {result['report']}"
