"""Count the constructions that make English read as if it were translated.

`python -m docs.prose [--list] [PATH ...]` reads docstrings, comments, test names and Markdown of
the tracked files below each PATH (default: all of them), prints the hits per 1,000 words for code
and docs, and exits 1 above LIMIT. `--list` names each place. A hit is a sentence to reread, not
always a fault.
"""

import argparse
import ast
import io
import re
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

LIMIT = 3.0  # Quix Streams, Arroyo and httpx have 0.7 to 1.9 in code
_PRONOUNS = "a|an|the|it|its|they|what|no|nobody|each|there|only|others|this|these|some|in|else"
_SUBJECTS = "it|there|they|no|nobody|some|one|all|none|that|this|the|a|an|what|their|even|fewer"
_PLACES = (
    "in|on|at|below|behind|beside|there|between|under|for|after|before|still|apart|around|above"
    "|within|amid|far"
)
KINDS = {
    "', for ...' as because": rf"[,;] for (?:{_PRONOUNS})\b",
    "'where' as if": rf"\b[Ww]here (?:{_SUBJECTS})\b",
    "is told, tells of": r"\b(?:is|are|be|been) told\b|\btells? of\b|\btold (?:of|by|apart|from)\b",
    "stands, lies as is": rf"\b(?:stands?|stood|lies|lie|lay) (?:{_PLACES})\b",
    "so many, so long": r"\bso (?:many|long|much|far back|often|soon)\b",
    "that is none": r"\b(?:is|are|was|were) none\b|\bthat is no\b",
    "whoever, those who": (
        r"\b[Ww]hoever\b|\bWho \w+|\bthose who\b|\bsomebody\b|\banybody\b|\bnobody\b"
    ),
    "fronted What": r"(?:^|[.;:] )What [a-z]",
    "beside": r"\bbeside\b",
    "anew, meanwhile": r"\banew\b|\bmeanwhile\b|\bamid\b|\bas ever\b",
    "is to be": (r"\b(?:is|are|was|were) to (?:be|have|go|give|find|look|read|think|try|say)\b"),
    "of its own": r"\bof (?:its|their|his|our|your)s? own\b|\bof (?:yours|ours|theirs)\b",
    "goes on": r"\bgo(?:es)? on\b|\bgoing on\b",
    "one after the other": (r"\bone after the other\b|\bas a whole\b|\bfor ever\b|\bby turns\b"),
    "from X on": r"\bfrom (?:\w+ ){1,4}on\b(?! (?:a|the|Kafka))",
    "others than, else": r"\bothers than\b|\belse\b",
    "for want of": r"\bfor want of\b|\bat hand\b|\bfor the moment\b",
}
_PATTERNS = {kind: re.compile(pattern, re.MULTILINE) for kind, pattern in KINDS.items()}
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
Passage = tuple[int, str]
"""The line that a text starts on, and the text."""


def read_code(source: str) -> Iterator[Passage]:
    """Yield a Python file's docstrings, comments without directives for tools, and test names."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, _DOCUMENTED) and (docstring := ast.get_docstring(node)):
            yield getattr(node, "lineno", 1), docstring
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.lineno, node.name.removeprefix("test_").replace("_", " ")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and not re.search("noqa|type: ignore", token.string):
            yield token.start[0], token.string.lstrip("# ")


def read_page(text: str) -> Iterator[Passage]:
    """Yield the paragraphs of a Markdown page, without its fenced code."""
    line = 1
    for paragraph in _FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), text).split("\n\n"):
        yield line, paragraph
        line += paragraph.count("\n") + 2


def find_hits(passage: str) -> Iterator[tuple[str, int, str]]:
    """Yield kind, offset and words of each construction in a passage."""
    for kind, pattern in _PATTERNS.items():
        for match in pattern.finditer(passage):
            yield kind, match.start(), match[0]


def _list_tracked_files(paths: list[str]) -> list[Path]:
    command = ["git", "ls-files", *paths]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [path for path in map(Path, listed.splitlines()) if path.is_file()]


def main() -> int:
    """Print the counts; return 1 if one is above LIMIT."""
    parser = argparse.ArgumentParser(prog="python -m docs.prose", description=__doc__)
    parser.add_argument("paths", nargs="*", metavar="PATH")
    parser.add_argument("--list", action="store_true", help="name each place")
    arguments = parser.parse_args()
    files = _list_tracked_files(arguments.paths)
    too_many = False
    for title, suffix, read in (("code", ".py", read_code), ("docs", ".md", read_page)):
        words = 0
        counts: Counter[str] = Counter()
        for path in files:
            if path.suffix != suffix:
                continue
            for line, passage in read(path.read_text()):
                words += len(re.findall(r"\w+", passage))
                for kind, offset, phrase in find_hits(passage):
                    counts[kind] += 1
                    if arguments.list:
                        print(
                            f"{path}:{line + passage[:offset].count(chr(10))}: {kind}: {phrase!r}"
                        )
        rate = 1000 * counts.total() / max(words, 1)
        too_many |= rate > LIMIT
        kinds = ", ".join(f"{kind} {count}" for kind, count in counts.most_common())
        print(f"{title}: {rate:.1f} per 1,000 words (at most {LIMIT:g}): {kinds}")
    return int(too_many)


if __name__ == "__main__":
    sys.exit(main())
