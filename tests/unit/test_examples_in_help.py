"""Every command shows an example in its help, and the command takes it."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from cli.main import _application


def commands(group, name=("fraud",)):
    for word, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*name, word))
        else:
            yield (*name, word), command


COMMANDS = dict(commands(typer.main.get_command(_application())))


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


def test_there_are_as_many_commands_as_modules_add():
    assert len(COMMANDS) > 20


def test_a_shell_completes_commands():
    typed = {"_FRAUD_COMPLETE": "complete_bash", "COMP_WORDS": "fraud mon", "COMP_CWORD": "1"}
    program = Path(sys.executable).with_name("fraud")
    done = subprocess.run([program], env=os.environ | typed, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["monitor"]
