"""Options that several commands have, and flags that override a variable."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.support.parsers import make_number_parser
from cli.support.settings import Settings


def flag(setting: str, name: str = "", **options: Any) -> Any:
    """Return the flag that overrides a setting, with the meaning and default declared for it.

    `name`: of the flag, if it is not the setting's. Give its value to Settings.from_environment.
    """
    variable = Settings.describe(setting)
    return typer.Option(
        name or f"--{setting.replace('_', '-')}",
        help=f"{variable.meaning} [{variable.name}; default: {variable.default}]",
        **options,
    )


Data = Annotated[Path | None, flag("data", metavar="FILE")]
SchemaName = Annotated[str | None, flag("schema_name", "--schema", metavar="SCHEMA")]
ModelFolder = Annotated[Path | None, flag("model_dir", "--model", metavar="FOLDER")]
PaymentsPerDay = Annotated[
    float | None,
    typer.Option(
        parser=make_number_parser(1e-3, 1e12),
        metavar="NUMBER",
        help="Payments a day. [default: the file's rows over its Time span]",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
