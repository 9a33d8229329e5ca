"""docs/licences.md has what is installed with the project."""

import pytest

from docs import licences

# No conditions on code that only uses them; MPL-2.0 is about changes to the package's own files.
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
    return licences.installed()


def test_each_package_is_on_the_page_with_its_licence(installed):
    page = licences.PAGE.read_text().splitlines()
    assert [name for name, terms in installed.items() if f"| {name} | {terms} |" not in page] == []


def test_the_page_is_about_more_than_what_is_named_directly(installed):
    assert {"pydantic", "pydantic-core"} <= installed.keys()


def test_no_licence_is_one_that_nobody_has_looked_at(installed):
    assert [
        (name, terms)
        for name, terms in installed.items()
        if not any(known in terms for known in KNOWN)
    ] == []
