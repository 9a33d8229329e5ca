"""Writes docs/licences.md: what is installed with the project, and under which licence. Run: .venv/bin/python -m docs.licences

Each package's own metadata say so; packages that only developers need are left out.
"""

import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = "streaming-fraud-scorer"
PAGE = Path(__file__).with_name("licences.md")
_HEAD = """# Licences

The project's own is [MIT](../LICENSE). These packages are installed with it, from their index, not copied; each licence is as the
package's own metadata say. Other versions of Python and other systems may need a few more. Kafka, Prometheus and Alertmanager
(Apache-2.0) and Grafana (AGPL-3.0) run beside it as programs of their own. This page is written by `.venv/bin/python -m docs.licences`.

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


def installed() -> dict[str, str]:
    """Package to licence: everything that the project needs here, directly or not."""
    found: dict[str, str] = {}
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
                found[package] = licence(package)
                following = (package, frozenset(needed.extras))
                waiting += [following] if following not in seen else []
                seen.add(following)
    return dict(sorted(found.items()))


def licence(package: str) -> str:
    """By the metadata's expression, else its classifiers, else its text where that is a name."""
    about = metadata.metadata(package).json
    if expression := about.get("license_expression"):
        return str(expression)
    named = [
        line.split(" :: ")[-1]
        for line in about.get("classifier", ())
        if line.startswith("License :: OSI Approved :: ")
    ]
    text = str(about.get("license", "")).strip().splitlines()
    names = named or text[:1] or ["not said"]
    return " or ".join(dict.fromkeys(_SAME.get(name, name) for name in names))


def page(packages: dict[str, str]) -> str:
    """The page's text."""
    return _HEAD + "".join(f"| {name} | {terms} |\n" for name, terms in packages.items())


if __name__ == "__main__":
    PAGE.write_text(page(installed()), encoding="utf-8")
