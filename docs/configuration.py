"""Writes docs/configuration.md and .env.example from cli/support/variables.py. Run: .venv/bin/python -m docs.configuration"""

from pathlib import Path

from cli.support.variables import GROUPS, Variable

ROOT = Path(__file__).resolve().parent.parent

_PAGE = """# Configuration

A flag of a command comes before its variable, a variable before the default. No file is read by itself; with the variables in `.env`
(see [.env.example](../.env.example)): `set -a; source .env; set +a`. `fraud doctor` says what they come to on this machine.

This page is written by `.venv/bin/python -m docs.configuration`.
"""
_SAMPLE = """# Every setting has a default; a flag, where a command has one, comes before its variable. Written by docs/configuration.py.
# The shell has to export them: set -a; source .env; set +a
"""


def files() -> dict[str, str]:
    """Path in the checkout: content."""
    page = [_PAGE, *(_table(group, variables) for group, variables in GROUPS.items())]
    sample = [
        _SAMPLE,
        *(_assignment(variable) for variables in GROUPS.values() for variable in variables),
    ]
    return {"docs/configuration.md": "\n".join(page), ".env.example": "\n".join(sample)}


def _table(group: str, variables: tuple[Variable, ...]) -> str:
    rows = [
        f"| `{name}` | {default or 'empty'} | {meaning} |\n"
        for name, default, meaning, _ in variables
    ]
    return f"## {group}\n\n| variable | default | meaning |\n|---|---|---|\n{''.join(rows)}"


def _assignment(variable: Variable) -> str:
    return f"# {variable.meaning}\n#{variable.name}={variable.sample or variable.default}\n"


def main() -> None:
    """Writes both."""
    for name, content in files().items():
        (ROOT / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
