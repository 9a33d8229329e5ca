"""Slow, endless and too many requests are ended, over real sockets, and others still answered."""

import asyncio
import contextlib
import socket
import threading
from types import SimpleNamespace

import pytest
import uvicorn
from support.waiting import wait_for

from streams import http_limits
from streams.http_limits import LimitedProtocol

HEAD = b"POST /echo HTTP/1.1\r\nHost: x\r\n"
MIB = 1024 * 1024


unanswered = []  # requests for /wait


async def application(scope, receive, send):
    """Answer with the length of the body.

    /large answers with 64 MiB, /early before reading, and /wait never.
    """
    assert scope["type"] == "http"
    if scope["path"] == "/wait":
        unanswered.append(scope)
    size = 0
    more = scope["path"] != "/early"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message.get("body", b""))
        more = message.get("more_body", False) or scope["path"] == "/wait"
    body = b"x" * 64 * MIB if scope["path"] == "/large" else b"%d" % size
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextlib.contextmanager
def running():
    server = uvicorn.Server(
        uvicorn.Config(
            application, http=LimitedProtocol, ws="none", lifespan="off", log_level="warning"
        )
    )
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(
        target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True
    )
    thread.start()
    wait_for(lambda: server.started, 30, "the server has started")
    sockets = []
    unanswered.clear()

    def connect(sent=b""):
        client = socket.create_connection(listening.getsockname(), timeout=30)
        sockets.append(client)
        with contextlib.suppress(ConnectionError):
            client.sendall(sent)
        return client

    try:
        yield SimpleNamespace(
            connect=connect,
            open_connections=lambda: len(server.server_state.connections),
        )
    finally:
        for client in sockets:
            client.close()
        server.should_exit = True
        thread.join(30)
        listening.close()


def read_status(client) -> bytes:
    """Return the status of the answer, empty if the connection is closed without one."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while b"\r\n" not in received and (part := client.recv(4096)):
            received += part
    return received[9:12]


def is_closed(client) -> bool:
    with contextlib.suppress(ConnectionError):
        while client.recv(65536):
            pass
    return True


@pytest.fixture
def quick(monkeypatch):
    for name in ("HEAD_S", "BODY_S", "READ_S"):
        monkeypatch.setattr(http_limits, name, 0.2)


@pytest.fixture
def patient(monkeypatch):
    """No limit on time: only sizes and numbers end a connection."""
    for name in ("HEAD_S", "BODY_S", "READ_S"):
        monkeypatch.setattr(http_limits, name, 3600)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", b""),
        (b"POST /ec", b"408"),
        (HEAD, b"408"),
        (HEAD + b"X: " + b"x" * 100, b"408"),
        (HEAD + b"Content-Length: 9\r\n\r\n", b"408"),
        (HEAD + b"Content-Length: 9\r\n\r\n12345678", b"408"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", b"408"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: y", b"408"),
    ],
)
def test_a_request_that_does_not_end_in_time_is_closed(quick, sent, status):
    with running() as server:
        client = server.connect(sent)
        assert read_status(client) == status
        assert is_closed(client)
        assert read_status(server.connect(HEAD + b"Content-Length: 1\r\n\r\nx")) == b"200"


def test_a_second_request_has_the_same_time(quick):
    with running() as server:
        client = server.connect(HEAD + b"Content-Length: 1\r\n\r\nx")
        answer = b""
        while not answer.endswith(b"\r\n\r\n1"):
            answer += client.recv(4096)
        client.sendall(b"POST /ec")
        assert read_status(client) == b"408"


def test_a_client_that_does_not_read_its_answer_is_dropped(quick):
    with running() as server:
        server.connect(HEAD.replace(b"echo", b"large") + b"Content-Length: 0\r\n\r\n")
        wait_for(lambda: server.open_connections() == 1, 30, "the client is connected")
        wait_for(lambda: server.open_connections() == 0, 30, "it is dropped")


@pytest.mark.parametrize(
    "start",
    [
        HEAD + b"X: ",
        HEAD + b"\r\n".join(b"X-%d: y" % number for number in range(100)),
        b"GET /",
        HEAD.replace(b"echo", b"early") + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ",
    ],
)
def test_an_endless_request_is_closed_long_before_it_fills_the_memory(patient, start):
    with running() as server:
        client = server.connect(start)
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 64 * MIB:
                client.sendall(b"x" * 65536)
                sent += 65536
        assert sent < 64 * MIB
        assert is_closed(client)


@pytest.mark.parametrize(("size", "status"), [(1, b"200"), (MIB, b"431")])
def test_a_head_that_arrives_at_once_has_a_limit_too(patient, size, status):
    with running() as server:
        head = HEAD + b"X: " + b"x" * size + b"\r\nContent-Length: 0\r\n\r\n"
        assert read_status(server.connect(head)) == status


def test_a_body_in_chunks_of_one_byte_is_accepted(patient):
    with running() as server:
        body = b"1\r\nx\r\n" * 65536 + b"0\r\n\r\n"
        assert read_status(server.connect(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body)) == (
            b"200"
        )


WHOLE = HEAD + b"Content-Length: 1\r\n\r\nx"
ANSWERING = WHOLE.replace(b"echo", b"wait")
LIMITS = ["MAX_CONNECTIONS_OF_ADDRESS", "MAX_CONNECTIONS"]


@pytest.mark.parametrize("limit", LIMITS)
def test_the_number_of_connections_is_limited(patient, monkeypatch, limit):
    monkeypatch.setattr(http_limits, limit, 3)
    with running() as server:
        clients = [server.connect(ANSWERING) for _ in range(3)]
        wait_for(lambda: len(unanswered) == 3, 30, "their requests are there")
        assert read_status(server.connect()) == b"503"
        clients[0].close()
        wait_for(lambda: server.open_connections() == 2, 30, "one is gone")
        assert read_status(server.connect(WHOLE)) == b"200"


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("sent", [b"", b"GET /", HEAD + b"Content-Length: 9\r\n\r\nx", WHOLE])
def test_a_connection_without_a_whole_request_makes_room(patient, monkeypatch, limit, sent):
    monkeypatch.setattr(http_limits, limit, 3)
    with running() as server:
        answered = server.connect(ANSWERING)
        wait_for(lambda: unanswered, 30, "its request is there")
        idle = []
        for count in (2, 3):
            idle.append(server.connect(sent))
            if sent == WHOLE:
                assert read_status(idle[-1]) == b"200"
            wait_for(lambda count=count: server.open_connections() == count, 30, "it is connected")
        assert read_status(server.connect(WHOLE)) == b"200"
        assert is_closed(idle[0])
        answered.setblocking(False)
        with pytest.raises(BlockingIOError):  # open: nothing to read
            answered.recv(1)


def test_replacing_a_connection_cuts_no_answer(patient, monkeypatch):
    monkeypatch.setattr(http_limits, "MAX_CONNECTIONS", 2)
    with running() as server:
        unread = server.connect(HEAD.replace(b"echo", b"large") + b"Content-Length: 0\r\n\r\n")
        assert read_status(unread) == b"200"
        server.connect(ANSWERING)
        wait_for(lambda: unanswered, 30, "the other's request is there")
        assert read_status(server.connect(WHOLE)) == b"503"


def test_what_is_not_http_is_refused_without_a_line_in_the_log(patient, caplog):
    with running() as server:
        assert read_status(server.connect(b"4111111111111111\r\n\r\n")) == b"400"
    assert not caplog.records
