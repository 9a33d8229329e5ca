"""Every command accepts the example in its help, can print JSON, and has the same --quiet."""

import ast
import os
import re
import shlex
import sys
from pathlib import Path

import pytest
import typer
from support.commands import run
from support.paths import ROOT

from cli.main import _import_app
from cli.support.parsers import make_number_parser
from cli.support.settings import Settings


def commands(group, name=("fraud",)):
    for word, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*name, word))
        else:
            yield (*name, word), command


PROGRAM = Path(sys.executable).with_name("fraud")
COMMANDS = dict(commands(typer.main.get_command(_import_app())))
RUNNING_UNTIL_STOPPED = {("fraud", "score"), ("fraud", "serve")}
WITHOUT_JSON = RUNNING_UNTIL_STOPPED | {("fraud", "kafka", "tool")}
WITHOUT_BARS = WITHOUT_JSON | {
    ("fraud", *words.split())
    for words in (
        "alerts",
        "kafka status",
        "kafka stop",
        "monitor",
        "schema init",
        "schema check",
        "schema show",
        "threshold",
        "topics",
    )
}


FOLLOWING_A_SCHEMA = (
    *("alerts", "evaluate", "explain", "explore", "monitor", "replay", "report", "score", "serve"),
    *("simulate", "threshold", "train"),
)


def options(name):
    return {option: parameter for parameter in COMMANDS[name].params for option in parameter.opts}


def examples(command):
    return re.findall(r"^Example: (?:\w+=\S+ )*(.+?)(?: \|.*)?$", command.help or "", re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS, ids=" ".join)
def test_its_help_has_an_example_that_it_takes(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = [shlex.split(example) for example in examples(COMMANDS[name])]
    assert len(written) > 0
    for words in written:
        assert tuple(words[: len(name)]) == name
        for file in (word for word in words if word.endswith(".csv")):
            (tmp_path / file).touch()
        COMMANDS[name].make_context(name[-1], words[len(name) :]).close()


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - WITHOUT_JSON), ids=" ".join)
def test_results_are_available_as_json(name):
    assert options(name)["--json"].is_flag


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - WITHOUT_BARS), ids=" ".join)
def test_every_command_has_the_same_quiet_option(name):
    found = options(name)
    assert found["--quiet"] is found["-q"]
    assert (found["-q"].is_flag, found["-q"].secondary_opts, found["-q"].help) == (
        True,
        [],
        "Show no progress.",
    )


@pytest.mark.parametrize("name", COMMANDS, ids=" ".join)
def test_every_option_takes_a_value_named_in_capitals_or_none(name):
    for option, parameter in options(name).items():
        if option.startswith("-") and not parameter.is_flag:
            assert re.fullmatch(r"[A-Z][A-Z|:@.\[\]]*", parameter.metavar or ""), option


@pytest.mark.parametrize(
    ("command", "option", "setting"),
    [
        ("explore", "--data", "data"),
        ("replay", "--data", "data"),
        ("threshold", "--model", "model_dir"),
        ("monitor", "--model", "model_dir"),
        ("score", "--metrics-port", "metrics_port"),
        *((name, "--schema", "schema_name") for name in FOLLOWING_A_SCHEMA),
    ],
)
def test_a_flag_of_a_variable_is_described_as_its_declaration_says(command, option, setting):
    variable = Settings.describe(setting)
    assert (
        options(("fraud", command))[option].help
        == f"{variable.meaning} [{variable.name}; default: {variable.default}]"
    )


def test_the_help_lists_every_command_once_under_a_heading():
    shown = run([PROGRAM, "--help"], check=True).stdout
    sections = dict(re.findall(r"^(\w+):\n((?:  .+\n)+)", shown, re.MULTILINE))
    assert [*sections][1:] == ["Run", "Model", "Look", "Operate"]
    listed = [
        word
        for heading in [*sections][1:]
        for word in re.findall(r"^  ([\w-]+) ", sections[heading], re.MULTILINE)
    ]
    assert sorted(listed) == sorted({name[1] for name in COMMANDS})


def test_json_output_is_valid_json():
    """Python's json writes NaN and Infinity by default, which other readers refuse."""
    for path in [path for room in ("cli", "model") for path in (ROOT / room).rglob("*.py")]:
        for call in (
            node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
        ):
            if ast.unparse(call.func) in ("json.dump", "json.dumps"):
                assert "allow_nan=False" in map(ast.unparse, call.keywords), f"{path}:{call.lineno}"


def test_the_exceptions_are_as_documented():
    assert [name for name in RUNNING_UNTIL_STOPPED if "--json" in options(name)] == []
    assert [name for name in WITHOUT_BARS if "--quiet" in options(name)] == []


def test_there_are_as_many_commands_as_modules_add():
    assert len(COMMANDS) > 20


def test_a_shell_completes_commands():
    typed = {"_FRAUD_COMPLETE": "complete_bash", "COMP_WORDS": "fraud mon", "COMP_CWORD": "1"}
    done = run([PROGRAM], env=os.environ | typed)
    assert done.stdout.split() == ["monitor"]


def test_a_number_out_of_range_is_rejected_with_the_range():
    parse = make_number_parser(0, 1e12)
    assert parse("1e12") == 1e12
    for text in ("-1", "nan", "inf", "x"):
        with pytest.raises(typer.BadParameter, match=r"not a number from 0 to 1,000,000,000,000$"):
            parse(text)
