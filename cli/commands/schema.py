"""`fraud schema init|check|show`: draft a schema from a file, check one, and show what it says."""

import json
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.app import MODEL, Commands, app
from cli.errors import FAILED, CommandError
from cli.support.options import AsJson, Data, SchemaName
from cli.support.settings import Settings

if TYPE_CHECKING:
    from payments.schema.reading import Schema

schema = typer.Typer(
    cls=Commands, help="Declare what your payments look like: draft, check and show a schema."
)
app.add_typer(schema, name="schema", rich_help_panel=MODEL)

_KINDS = {
    "number": "numbers",
    "category": "categories",
    "calendar": "calendar",
    "velocity": "velocity",
    "risk": "risk",
}


@schema.command()
def init(
    data: Data = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File to write. [default: print it]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draft a schema from a file of payments: CSV, Parquet or JSON lines.

    Guesses types, roles and categories from the names and values of the first 100,000 rows, and
    says why in the draft. Read it and correct it.

    Example: fraud schema init --data payments.csv --out schema.toml
    """
    from cli.support.payment_files import announce
    from payments.files.profile import profile_file
    from payments.schema.draft import draft_schema
    from payments.schema.reading import parse_schema

    path = Settings.from_environment(data=data).data
    if path is None:
        raise typer.BadParameter("give the file: --data FILE")
    if out is not None and out.exists():
        raise CommandError(f"{out} exists: remove it, or give another --out")
    text = draft_schema(profile_file(path))
    drafted = parse_schema(text, str(out or "draft"), Path())
    announce(path, drafted)
    if out is not None:
        out.write_text(text, encoding="utf-8")
    if as_json:
        print(json.dumps({"path": str(out) if out else None, "schema": text}, allow_nan=False))
    elif out is None:
        print(text, end="")
    else:
        print(f"{out}: {_count(drafted)}; read it, then: fraud schema check {out}")


@schema.command()
def check(
    file: Annotated[str, typer.Argument(metavar="SCHEMA", help="A file, or a built-in schema.")],
    as_json: AsJson = False,
) -> None:
    """Check a schema; exit with 1 and print each problem as FILE:LINE: reason if it has any.

    Example: fraud schema check schema.toml
    """
    from cli.support.terminal import escape
    from payments.schema.reading import SchemaError, read_schema

    try:
        checked = read_schema(file)
    except SchemaError as error:
        problems = str(error).splitlines()
        if as_json:
            print(json.dumps({"schema": None, "problems": problems}, allow_nan=False))
        else:
            print("\n".join(escape(problem).plain for problem in problems))
        raise typer.Exit(FAILED) from None
    if as_json:
        print(json.dumps({"schema": checked.reference, "problems": []}, allow_nan=False))
    else:
        print(f"{file}: {checked.reference}, {_count(checked)}")


@schema.command()
def show(
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="[SCHEMA]", help="A file, or a built-in schema. [default: --schema]"
        ),
    ] = None,
    schema_name: SchemaName = None,
    as_json: AsJson = False,
) -> None:
    """Show a schema's roles, fields, features in words, and the memory that history takes.

    Example: fraud schema show cards
    """
    shown = Settings.from_environment(schema_name=file or schema_name).schema
    description = _describe(shown)
    print(json.dumps(description, allow_nan=False) if as_json else _format(description))


def _count(counted: "Schema") -> str:
    return f"{len(counted.fields)} fields, {len(counted.features)} features"


def _describe(described: "Schema") -> dict[str, Any]:
    return {
        "schema": described.reference,
        "roles": described.roles.model_dump(exclude_none=True),
        "fields": {
            name: field.model_dump(exclude_unset=True) for name, field in described.fields.items()
        },
        "features": [feature._asdict() for feature in described.features],
        "history": _describe_history(described),
    }


def _describe_history(described: "Schema") -> list[dict[str, Any]]:
    """Return what the state of each entity keeps, and for how long."""
    if not described.history_fields:
        return []
    from payments.state.plan import DAY_MS, make_plans  # loading Numba takes most of a second

    return [
        {
            "entity": plan.entity,
            "days": plan.kernel.horizon / DAY_MS,
            "bytes_per_payment": 8 * plan.width,
        }
        for plan in make_plans(described)
    ]


def _format(description: dict[str, Any]) -> str:
    lines = [description["schema"], "", "roles"]
    lines += [f"  {role:12} {name}" for role, name in description["roles"].items()]
    lines += ["", "fields"]
    for name, attributes in description["fields"].items():
        others = {key: value for key, value in attributes.items() if key != "type"}
        told = ", ".join(f"{key} {_spell(value)}".strip() for key, value in others.items())
        lines.append(f"  {name:20} {attributes['type']:9} {told}".rstrip())
    for kind, features in groupby(description["features"], lambda feature: feature["kind"]):
        lines += ["", _KINDS[kind]]
        lines += [f"  {feature['name']:32} {feature['label']}" for feature in features]
    if description["history"]:
        lines += ["", "history, in the memory of each worker"]
    for kept in description["history"]:
        size = f"{kept['bytes_per_payment']} bytes, and spare room, for each payment"
        lines.append(f"  {kept['entity']:32} {size} of {kept['days']:g} days")
    return "\n".join(lines)


def _spell(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(value)
    return "" if value is True else str(value)
