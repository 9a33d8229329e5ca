"""Write docs/licences.md: the packages installed with the project, and their licences.

Run: .venv/bin/python -m docs.licences

Licences come from each package's own metadata. Packages that only developers need are left out.
"""

import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = "streaming-fraud-scorer"
PAGE = Path(__file__).with_name("licences.md")
_HEAD = """# Licences

For anyone who has to approve or redistribute this project: what it is built on, and under which
licences.

The project itself is under the [MIT licence](../LICENSE). The packages below are installed with it
from their index and are not copied into it. Each licence is the one in the package's metadata.
Other versions of Python and other systems may need a few more packages. Kafka, Prometheus and
Alertmanager (Apache-2.0) and Grafana (AGPL-3.0) run as separate programs.

This page is written by `.venv/bin/python -m docs.licences`.

| package | licence |
|---|---|
"""
_SAME = {
    "Apache Software License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "MIT License": "MIT",
    "BSD License": "BSD",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD-derived (Repoze)": "BSD",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "ISC License (ISCL)": "ISC",
}


def collect_licences() -> dict[str, str]:
    """Return package to licence, for everything the project needs here, directly or indirectly."""
    licences: dict[str, str] = {}
    waiting = [(PROJECT, frozenset[str]())]
    seen = set(waiting)
    while waiting:
        name, extras = waiting.pop()
        for text in metadata.requires(name) or ():
            needed = Requirement(text)
            if needed.marker is None or any(
                needed.marker.evaluate({"extra": extra}) for extra in extras or {""}
            ):
                package = re.sub(r"[-_.]+", "-", needed.name).lower()
                licences[package] = read_licence(package)
                following = (package, frozenset(needed.extras))
                waiting += [following] if following not in seen else []
                seen.add(following)
    return dict(sorted(licences.items()))


def read_licence(package: str) -> str:
    """Return the licence expression, or the classifiers, or the first line of the licence text."""
    about = metadata.metadata(package).json
    if expression := about.get("license_expression"):
        return str(expression)
    named = [
        line.split(" :: ")[-1]
        for line in about.get("classifier", ())
        if line.startswith("License :: OSI Approved :: ")
    ]
    text = str(about.get("license", "")).strip().splitlines()
    names = named or text[:1] or ["not stated"]
    return " or ".join(dict.fromkeys(_SAME.get(name, name) for name in names))


def render_page(packages: dict[str, str]) -> str:
    """Render the page."""
    return _HEAD + "".join(f"| {name} | {terms} |\n" for name, terms in packages.items())


if __name__ == "__main__":
    PAGE.write_text(render_page(collect_licences()), encoding="utf-8")
