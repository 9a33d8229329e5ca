"""Print pyproject.toml's dependencies except those named.

    python direct.py pyproject.toml evidently plotly

The lock determines the versions, and the dependencies' own dependencies.
"""

import re
import sys
import tomllib
from pathlib import Path


def select(declared: list[str], left_out: set[str]) -> list[str]:
    """Return the requirements that are not left out.

    Raises ValueError for a name that is not declared: the image would silently grow.
    """
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
