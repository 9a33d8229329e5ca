"""Files are replaced in one step."""

import pytest

from model.files import write_atomically


def test_a_file_is_replaced_without_leftovers(tmp_path):
    path = tmp_path / "new" / "page.html"
    write_atomically(path, "old")
    write_atomically(path, "é")
    assert path.read_bytes() == "é".encode()
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_keeps_the_old_content(tmp_path):
    path = tmp_path / "page.html"
    write_atomically(path, "old")
    (tmp_path / "page.html.part").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
