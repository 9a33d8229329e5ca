"""What `fraud replay` refuses before it does anything."""

import pytest
from typer.testing import CliRunner

import cli.demo
import cli.replay  # noqa: F401 - both add their command
from cli.app import app


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (["--rate", "1", "--speed", "2x"], "exclude each other"),
        (["--speed", "fast"], "is no speed: try 60x"),
        (["--speed", "0x"], "is no speed: try 60x"),
        (["--rate=-1"], "is no rate"),
        (["--rate", "nan"], "is no rate"),
        (["--rate", "inf"], "is no rate"),
        (["--rate", "1e999"], "is no rate"),
        (["--rate", "fast"], "is no rate: try 2000"),
        (["--from", "5", "--to", "5"], "--to must be greater than --from"),
        (["--run", "a b"], "letters, digits"),
        (["--label-delay", "soon"], "is no duration"),
    ],
)
def test_bad_usage(bad, why):
    result = CliRunner().invoke(app, ["replay", *bad], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exit_code == 2
    assert why in result.output


@pytest.mark.parametrize("rate", ["nan", "inf", "-1"])
def test_the_demo_takes_no_such_rate_either(rate):
    result = CliRunner().invoke(app, ["demo", f"--rate={rate}"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exit_code == 2
    assert "is no rate" in result.output
