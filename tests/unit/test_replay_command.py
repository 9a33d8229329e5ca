"""What `fraud replay` refuses before it does anything."""

import pytest
from typer.testing import CliRunner

import cli.replay  # noqa: F401 - adds the command
from cli.app import app


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (["--rate", "1", "--speed", "2x"], "exclude each other"),
        (["--speed", "fast"], "is no speed: try 60x"),
        (["--speed", "0x"], "is no speed: try 60x"),
        (["--rate=-1"], "greater than or equal to 0"),
        (["--from", "5", "--to", "5"], "--to must be greater than --from"),
        (["--run", "a b"], "letters, digits"),
        (["--label-delay", "soon"], "is no duration"),
    ],
)
def test_bad_usage(bad, why):
    result = CliRunner().invoke(app, ["replay", *bad], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exit_code == 2
    assert why in result.output
