"""The Typer application that each subcommand adds itself to, and the layout of its help."""

import os
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cli.errors import USAGE
from cli.support.options import flag

# The groups of commands in `fraud --help`, in order.
RUN = "Run"
MODEL = "Model"
LOOK = "Look"
OPERATE = "Operate"
_GROUPS = (RUN, MODEL, LOOK, OPERATE)

_HELP_WIDTH = 100  # columns, at most


class Commands(TyperGroup):
    """A group that prints its help if no command is given, and exits with 2."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the group's own options."""
        if not args and not ctx.resilient_parsing:
            print(ctx.get_help())
            raise typer.Exit(USAGE)
        return super().parse_args(ctx, args)


class _GroupedCommands(Commands):
    """A group whose help lists its commands under the headings that they name."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Typer's
        """Write one section for each heading."""
        widest = max(map(len, self.commands))
        for heading in _GROUPS:
            rows = [
                (name.ljust(widest), (command.help or "").partition("\n\n")[0])
                for name, command in sorted(self.commands.items())
                if getattr(command, "rich_help_panel", None) == heading
            ]
            with formatter.section(heading):
                formatter.write_dl(rows)


app = typer.Typer(
    name="fraud",
    cls=_GroupedCommands,
    help="Score payment transactions for fraud on Apache Kafka: "
    "exactly once, with reasons, watched for drift.",
    pretty_exceptions_enable=False,
    # Rich would show a type after each flag, hide [text in brackets], and take 0.1 s of CPU more
    rich_markup_mode=None,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": _HELP_WIDTH,
    },
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"fraud {version('streaming-fraud-scorer')}")
        raise typer.Exit


@app.callback()
def _fraud(
    debug: Annotated[bool, flag("debug")] = False,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    if debug:
        os.environ["FRAUD_DEBUG"] = "1"  # for the processes it starts, too
