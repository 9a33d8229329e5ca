"""Write docs/configuration.md and .env.example from cli/support/variables.py.

Run: .venv/bin/python -m docs.configuration
"""

from pathlib import Path

from cli.support.variables import GROUPS, Variable

ROOT = Path(__file__).resolve().parent.parent

_PAGE = """# Configuration

For anyone who runs `fraud`: every environment variable. A command-line flag overrides its variable,
and a variable overrides the default. No file is read automatically; to load the variables from
`.env` (see [.env.example](../.env.example)), run `set -a; source .env; set +a`. `fraud doctor` shows
the values in effect on this machine.

`.venv/bin/python -m docs.configuration` writes this page.
"""
_SAMPLE = """# Every setting has a default, and a command-line flag overrides its variable.
# Written by docs/configuration.py.
# Export them in the shell: set -a; source .env; set +a
"""


def files() -> dict[str, str]:
    """Return the content of each file, by its path in the checkout."""
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
    """Write both files."""
    for name, content in files().items():
        (ROOT / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
