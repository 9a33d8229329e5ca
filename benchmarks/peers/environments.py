"""Create a virtual environment for each program of others when it is first needed."""

import subprocess
import sys
import venv
from pathlib import Path

PEERS_FOLDER = Path(__file__).parent


def prepare_environment(home: Path, program: Path) -> str:
    """Return the Python of the environment of a program's folder, creating it under `home`.

    Raises CalledProcessError if a package cannot be installed.
    """
    folder = home / "venvs" / program.name
    wanted = program / "requirements.txt"
    text = wanted.read_text() + (PEERS_FOLDER / "scoring.txt").read_text()
    complete = folder / ".complete"
    interpreter = str(folder / "bin" / "python")
    if not complete.exists() or complete.read_text() != text:
        print(f"creating the environment for {program.name}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        options = ["--quiet", "--disable-pip-version-check", "-r"]
        pip = [interpreter, "-m", "pip", "install", *options, str(wanted)]
        subprocess.run(pip, stdin=subprocess.DEVNULL, check=True)
        complete.write_text(text)
    return interpreter
