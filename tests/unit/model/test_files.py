"""Files are replaced in one step."""

import errno
from pathlib import Path

import pytest

from model.files import open_atomically, write_atomically


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


def test_a_write_that_fails_halfway_leaves_nothing(tmp_path):
    with (
        pytest.raises(OSError, match="No space"),
        open_atomically(tmp_path / "rows.csv") as file,
    ):
        file.write(b"Time\n")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_a_device_is_written_directly():
    with open_atomically(Path("/dev/null")) as file:
        file.write(b"Time\n")
    assert Path("/dev/null").is_char_device()
