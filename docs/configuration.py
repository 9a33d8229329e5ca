"""Write docs/configuration.md and .env.example from cli/support/settings.py.

Run: .venv/bin/python -m docs.configuration
"""

from pathlib import Path

from cli.support.settings import SECTIONS, Section, Variable

ROOT = Path(__file__).resolve().parent.parent

_PAGE = """# Configuration

For anyone who runs `fraud`: every environment variable. A command-line flag overrides its variable,
and a variable overrides the default. No file is read automatically; to load the variables from
`.env` (see [.env.example](../.env.example)), run `set -a; source .env; set +a`. `fraud doctor`
shows the values in effect on this machine.

`.venv/bin/python -m docs.configuration` writes this page.
"""
_SAMPLE = """# Every setting has a default, and a command-line flag overrides its variable.
# Written by docs/configuration.py.
# Export them in the shell: set -a; source .env; set +a
"""


def list_variables(section: type[Section]) -> list[Variable]:
    """Return the variables that a section declares."""
    return [section.describe(setting) for setting in section.model_fields]


def render_files() -> dict[str, str]:
    """Return the content of each file, by its path in the checkout."""
    page = [_PAGE, *map(_format_table, SECTIONS)]
    sample = [
        _SAMPLE,
        *(_format_assignment(one) for section in SECTIONS for one in list_variables(section)),
    ]
    return {"docs/configuration.md": "\n".join(page), ".env.example": "\n".join(sample)}


def _format_table(section: type[Section]) -> str:
    rows = [
        f"| `{one.name}` | {one.default} | {one.meaning} |\n" for one in list_variables(section)
    ]
    return (
        f"## {section.__doc__}\n\n| variable | default | meaning |\n|---|---|---|\n{''.join(rows)}"
    )


def _format_assignment(variable: Variable) -> str:
    return f"# {variable.meaning}\n#{variable.name}={variable.sample}\n"


def main() -> None:
    """Write both files."""
    for name, content in render_files().items():
        (ROOT / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
