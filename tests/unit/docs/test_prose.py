"""The prose count finds the constructions that it names, in docstrings, comments and Markdown."""

import pytest

from docs.prose import find_hits, read_code, read_page


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ("It waits, for the broker is away.", "', for ...' as because"),
        ("The counter is told of each batch.", "is told, tells of"),
        ("The value lies in the header.", "stands, lies as is"),
        ("A port that is none is refused.", "that is none"),
        ("What is refused is counted.", "fronted What"),
    ],
)
def test_each_construction_is_counted_once(sentence, kind):
    assert [found for found, _, _ in find_hits(sentence)] == [kind]


def test_plain_sentences_have_no_hit():
    assert not list(find_hits("Return whether a recent report says that the coordinator is up."))


def test_docstrings_and_comments_are_read_but_no_strings_and_no_directives():
    source = '"""Module."""\n\nvalue = "anew"  # Comment.\nother = 1  # noqa: E501 - anew\n'
    assert list(read_code(source)) == [(1, "Module."), (3, "Comment.")]


def test_names_of_tests_are_read_as_words():
    source = "def test_no_port_is_told(port):\n    told = port\n\n\ndef told_anew():\n    pass\n"
    assert list(read_code(source)) == [(1, "no port is told")]


def test_fenced_code_is_left_out_and_lines_are_kept():
    page = "Read this.\n\n```\nanew\n```\n\nAnd this."
    assert [(line, text) for line, text in read_page(page) if text.strip()] == [
        (1, "Read this."),
        (7, "And this."),
    ]
