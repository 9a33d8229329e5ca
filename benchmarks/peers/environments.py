"""Create a virtual environment for each peer when it is first needed."""

import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent


def prepare_environment(home: Path, peer: str) -> str:
    """Return the Python of the peer's environment under `home`, creating it if necessary.

    Raises CalledProcessError if a package cannot be installed.
    """
    folder = home / "venvs" / peer
    wanted = HERE / peer / "requirements.txt"
    text = wanted.read_text() + (HERE / "scoring.txt").read_text()
    complete = folder / ".complete"
    interpreter = str(folder / "bin" / "python")
    if not complete.exists() or complete.read_text() != text:
        print(f"creating the environment for {peer}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        options = ["--quiet", "--disable-pip-version-check", "-r"]
        pip = [interpreter, "-m", "pip", "install", *options, str(wanted)]
        subprocess.run(pip, stdin=subprocess.DEVNULL, check=True)
        complete.write_text(text)
    return interpreter
