"""The pages: links work, the index reaches all of them, and every block of commands is tested."""

import re

import pytest
from support.paths import ROOT

from streams.kafka import topics

DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [*sorted(ROOT.glob("*.md")), ROOT / "examples" / "README.md", *DOCS]
# page to the tests that run its commands, in `make docs-test`
RUN = {
    # `make test` itself runs this
    "README.md": ["tests/e2e/test_readme.py", "tests/e2e/test_demo.py"],
    "docs/containers.md": ["tests/containers/test_compose.py"],  # needs a Docker engine
    "docs/model.md": ["tests/e2e/test_model_docs.py"],
    "docs/operations.md": ["tests/e2e/test_readme.py"],
    **{
        f"docs/runbooks/{book.name}": ["tests/e2e/test_readme.py"]
        for book in DOCS
        if book.parent.name == "runbooks" and "```sh" in book.read_text()
    },
    "docs/own-payments.md": ["tests/e2e/test_own_payments.py"],
    "docs/schema.md": ["tests/contract/test_schema_page.py"],
    "docs/security.md": ["tests/integration/commands/test_security.py"],
    "docs/simulation.md": ["tests/e2e/test_readme.py"],
    "docs/tutorial.md": ["tests/e2e/test_readme.py"],
}


def name_pages(pages):
    return [str(page.relative_to(ROOT)) for page in pages]


def find_anchors(page):
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_pages(PAGES))
def test_links_work(page):
    links = [
        link.partition("#")
        for link in re.findall(r"\]\(([^)]+)\)", page.read_text())
        if "://" not in link
    ]
    targets = [(page.parent / path if path else page, anchor) for path, _, anchor in links]
    assert [str(path) for path, _ in targets if not path.exists()] == []
    assert [
        (str(path), anchor)
        for path, anchor in targets
        if anchor and anchor not in find_anchors(path)
    ] == []


def test_every_picture_is_used():
    shown = {
        (page.parent / link).resolve()
        for page in PAGES
        for link in re.findall(r"!\[[^]]+\]\(([^)]+)\)", page.read_text())
    }
    assert [path.name for path in (ROOT / "docs" / "pictures").iterdir() if path not in shown] == []


def test_how_it_works_and_the_readme_have_the_same_diagram():
    first, second = (
        re.findall(r"```mermaid\n.+?\n```", (ROOT / page).read_text(), re.DOTALL)
        for page in ("README.md", "docs/how-it-works.md")
    )
    assert len(first) == 1
    assert first == second


def test_every_page_can_be_reached_from_the_index():
    seen = set()
    waiting = [ROOT / "docs" / "README.md"]
    while waiting:
        page = waiting.pop().resolve()
        if page not in seen and page.suffix == ".md":
            seen.add(page)
            waiting += [
                page.parent / link for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text())
            ]
    assert [name for name in DOCS if name.resolve() not in seen] == []


def test_every_block_of_commands_is_tested():
    languages = {
        str(page.relative_to(ROOT)): re.findall(r"^```(\w*)$", page.read_text(), re.MULTILINE)[::2]
        for page in PAGES
    }
    assert {page for page, found in languages.items() if "sh" in found} == RUN.keys()
    # only `sh` blocks are typed
    others = {"mermaid", "promql", "properties", "text", "toml", "yaml"}
    assert set().union(*languages.values()) == {"sh", *others}
    for page, tests in RUN.items():
        assert [test for test in tests if f'"{page}"' not in (ROOT / test).read_text()] == []


def test_the_operations_page_states_the_retention_of_each_topic():
    rows = re.findall(
        r"^\| `([a-z.]+)` \| (\d+) \|$", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE
    )
    assert rows == [(topic.name, str(topic.retention_ms // 86_400_000)) for topic in topics.TOPICS]
