"""Prints the dependencies that pyproject.toml declares, but for those named: `python direct.py pyproject.toml evidently plotly`.

Which versions these are, and what they need in turn, is the lock's to say.
"""

import re
import sys
import tomllib
from pathlib import Path


def select(declared: list[str], left_out: set[str]) -> list[str]:
    """The requirements whose names are not left out. Raises ValueError for a name that is not declared: an image would grow unseen."""
    names = [re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0] for requirement in declared]
    if unknown := left_out - set(names):
        raise ValueError(f"pyproject.toml does not depend on {', '.join(sorted(unknown))}")
    return [
        requirement
        for name, requirement in zip(names, declared, strict=True)
        if name not in left_out
    ]


if __name__ == "__main__":
    project = tomllib.loads(Path(sys.argv[1]).read_text())["project"]
    sys.stdout.write("\n".join(select(project["dependencies"], set(sys.argv[2:]))) + "\n")
