"""What `fraud replay` refuses before it does anything."""

import pytest
from typer.testing import CliRunner

import cli.commands.demo
import cli.commands.replay  # noqa: F401 - both add their command
from cli.app import app


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (["--rate", "1", "--speed", "2x"], "mutually exclusive"),
        (["--speed", "fast"], "is not a speed: try 60x"),
        (["--speed", "0x"], "is not a speed: try 60x"),
        (["--rate=-1"], "is not a rate"),
        (["--rate", "nan"], "is not a rate"),
        (["--rate", "inf"], "is not a rate"),
        (["--rate", "1e999"], "is not a rate"),
        (["--rate", "fast"], "is not a rate: try 2000"),
        (["--from", "5", "--to", "5"], "--to must be greater than --from"),
        (["--run", "a b"], "letters, digits"),
        (["--label-delay", "soon"], "is not a duration"),
    ],
)
def test_bad_usage(bad, why):
    result = CliRunner().invoke(app, ["replay", *bad], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exit_code == 2
    assert why in result.output


@pytest.mark.parametrize("rate", ["nan", "inf", "-1"])
def test_the_demo_takes_no_such_rate_either(rate):
    result = CliRunner().invoke(
        app, ["demo", f"--rate={rate}"], env={"COLUMNS": "200", "NO_COLOR": "1"}
    )
    assert result.exit_code == 2
    assert "is not a rate" in result.output
