"""`fraud doctor`: run the checks and print the findings."""

import json
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.app import OPERATE, app
from cli.errors import FAILED
from cli.support.options import AsJson, SchemaName
from cli.support.progress import Quiet
from cli.support.settings import Settings
from cli.support.terminal import make_console
from cli.support.topics import declare_topics

if TYPE_CHECKING:
    from streams.doctor.checks import Finding

_FILE_WIDTH = 160  # columns, in a file or pipe


def make_table(findings: "list[Finding]") -> Table:
    """Return a table of the findings, with advice below each."""
    from streams.doctor.checks import CheckStatus

    styles = {CheckStatus.OK: "green", CheckStatus.WARN: "yellow", CheckStatus.FAIL: "bold red"}
    shown = Table(box=None, pad_edge=False)
    for name in ("", "checked", "found"):
        shown.add_column(name, no_wrap=name != "found")
    for finding in findings:
        found = finding.found + (f"\n-> {finding.advice}" if finding.advice else "")
        shown.add_row(Text(finding.verdict, styles[finding.verdict]), finding.what, Text(found))
    return shown


def _check_roles(given: list[str] | None) -> tuple[str, ...]:
    from streams.doctor.acls import ACLS

    for role in given or ():
        if role not in ACLS:
            raise typer.BadParameter(
                f"{role!r} is not one of {', '.join(ACLS)}", param_hint="--for"
            )
    return tuple(given or (role for role in ACLS if role != "topics"))  # topics are created once


@app.command(rich_help_panel=OPERATE)
def doctor(
    roles: Annotated[
        list[str] | None,
        typer.Option(
            "--for", metavar="COMMAND", help="A command whose permissions to check. Repeatable."
        ),
    ] = None,
    schema_name: SchemaName = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Check the connection, permissions, topics, clock, model, data and ports.

    Also check what a local Kafka needs.

    Exits with 1 if something will not work.

    Example: fraud doctor --for score --for monitor
    """
    from cli.commands.doctor import machine
    from streams.doctor import checks

    settings = Settings.from_environment(schema_name=schema_name)
    declared = declare_topics(settings.schema)
    checked = _check_roles(roles)
    with Console(stderr=True, quiet=quiet or not sys.stderr.isatty()).status("checking"):
        cluster = checks.check_cluster(
            settings.make_connection(), checked, lambda: time.time_ns() // 1_000_000, declared
        )
        findings = [*cluster, *machine.run_checks(settings)]
    failed = sum(finding.verdict is checks.CheckStatus.FAIL for finding in findings)
    if as_json:
        result = {"failed": failed, "findings": [asdict(finding) for finding in findings]}
        print(json.dumps(result, allow_nan=False))
    else:
        make_console(_FILE_WIDTH).print(make_table(findings))
        print(f"{failed} of {len(findings)} checks failed" if failed else "all is well")
    if failed:
        raise typer.Exit(FAILED)
