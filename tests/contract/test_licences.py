"""docs/licences.md lists what is installed with the project."""

import pytest

from docs import licences

# These put no conditions on code that only uses a package. MPL-2.0 covers changes to its own files.
KNOWN = (
    "MIT",
    "BSD",
    "Apache-2.0",
    "MPL-2.0",
    "PSF-2.0",
    "ISC",
    "0BSD",
    "Zlib",
    "CC0-1.0",
    "CNRI-Python",
    "TCL",
)


@pytest.fixture(scope="module")
def installed():
    return licences.collect_licences()


def test_each_package_is_on_the_page_with_its_licence(installed):
    page = licences.PAGE.read_text().splitlines()
    assert [name for name, terms in installed.items() if f"| {name} | {terms} |" not in page] == []


def test_the_page_includes_indirect_dependencies(installed):
    assert {"pydantic", "pydantic-core"} <= installed.keys()


def test_every_licence_has_been_reviewed(installed):
    assert [
        (name, terms)
        for name, terms in installed.items()
        if not any(known in terms for known in KNOWN)
    ] == []
