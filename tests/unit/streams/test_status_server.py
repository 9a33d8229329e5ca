"""The status server: the address it listens on, and what it says of its process."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry
from support.ports import find_free_port
from support.waiting import wait_for

from streams import http_limits
from streams.status_server import serve


def health(host, port):
    with urlopen(f"http://{host}:{port}/health", timeout=5) as answer:
        return answer.status


@pytest.mark.parametrize(
    ("where", "answers", "silent"),
    [({}, "127.0.0.1", "127.0.0.2"), ({"host": "127.0.0.2"}, "127.0.0.2", "127.0.0.1")],
)
def test_a_page_listens_on_the_address_it_is_given(where, answers, silent):
    port = find_free_port()
    close = serve(CollectorRegistry(), port, lambda: True, "--port", **where)
    try:
        assert health(answers, port) == 200
        with pytest.raises(OSError):
            health(silent, port)
    finally:
        close()


def test_a_process_without_progress_is_not_healthy():
    port = find_free_port()
    close = serve(CollectorRegistry(), port, lambda: True, "--port", healthy=lambda: False)
    try:
        with pytest.raises(HTTPError) as answer:
            health("127.0.0.1", port)
        assert (answer.value.code, answer.value.read()) == (503, b"no progress\n")
    finally:
        close()


@pytest.fixture
def page(monkeypatch) -> Iterator[tuple[str, int]]:
    """The address of a server that closes a connection without a head after half a second."""
    monkeypatch.setattr(http_limits, "HEAD_S", 0.5)
    port = find_free_port()
    close = serve(CollectorRegistry(), port, lambda: True, "--port")
    yield "127.0.0.1", port
    close()


def test_connections_are_limited_and_take_no_threads(page) -> None:
    before = threading.active_count()
    with ExitStack() as stack:
        idle = [stack.enter_context(socket.create_connection(page, timeout=5)) for _ in range(300)]
        assert threading.active_count() == before
        closed = [each for each in idle if is_closed(each)]
        assert len(closed) == 300  # some at once, the others when their time is over
    assert health(*page) == 200


def is_closed(connection: socket.socket) -> bool:
    try:
        answer = connection.recv(1000)
    except ConnectionResetError:
        return True
    return not answer or answer.startswith(b"HTTP/1.1 503")


def test_a_slow_head_is_cut_off(page) -> None:
    with socket.create_connection(page, timeout=5) as slow:

        def send_more() -> bool:
            try:
                slow.sendall(b"x")
            except OSError:
                return True
            return False

        slow.sendall(b"GET /health HTTP/1.1\r\nx: ")
        wait_for(send_more, 10, "the server closes the connection")


def test_a_long_head_is_refused(page) -> None:
    with socket.create_connection(page, timeout=5) as long:
        long.sendall(b"GET /health HTTP/1.1\r\nx: " + b"x" * 40_000)
        assert long.recv(12) == b"HTTP/1.1 431"
