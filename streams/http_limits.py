"""Limits on what a client may hold open or send: uvicorn's HTTP protocol has none of them.

A request's head and body must arrive in time and may not be endless, an answer must be read, and
one address has a limited number of connections. Otherwise a few slow or endless requests would
hold every descriptor of the server, or its memory. At the limit, a new connection replaces the one
that has been without a whole request for longest, so that a client that opens connections and sends
nothing can't keep `/health` from answering.
"""

import asyncio
import logging
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 32 * 1024
HEAD_S = 10.0
BODY_S = 30.0  # a body has at most 64 KiB
READ_S = 30.0  # for a client that does not read its answer, or its stream of alerts
MAX_CONNECTIONS = 768  # most systems allow a process 1,024 descriptors
MAX_CONNECTIONS_OF_ADDRESS = 256
# Of a body sent in chunks, without the body itself. Chunks of one byte take five more.
_MAX_FRAMING_BYTES = 1024 * 1024

# uvicorn warns of each request that is not HTTP: anyone could fill the log.
_log = logging.getLogger("uvicorn.error.requests")
_log.setLevel(logging.ERROR)


class LimitedProtocol(HttpToolsProtocol):
    """One connection of a client."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.logger = _log
        self._request_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._is_refused = False
        self._is_head_complete = False
        self._received = 0  # bytes of this request outside its body
        # when the wait for a request, or for the rest of one, began; None: one is being answered
        self._waiting_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request; if there are too many connections, close one first."""
        super().connection_made(transport)
        known = [other for other in self.connections if isinstance(other, LimitedProtocol)]
        opened = [other for other in known if not other.transport.is_closing()]
        same = [other for other in opened if other._address == self._address]
        for group, limit in ((same, MAX_CONNECTIONS_OF_ADDRESS), (opened, MAX_CONNECTIONS)):
            if len(group) > limit and not _close_longest_waiting(group):
                self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
                return
        self._waiting_since = self.loop.time()
        self._start_timer(HEAD_S)

    @property
    def _address(self) -> str | None:
        return self.client[0] if self.client else None

    @property
    def _can_be_replaced(self) -> bool:
        """Whether closing the connection cuts no answer."""
        is_answering = self.cycle and self.cycle.response_started != self.cycle.response_complete
        return self._waiting_since is not None and not (
            is_answering or self.transport.get_write_buffer_size()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers."""
        self._stop_timer()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse a part of a request, unless it has grown too large."""
        if self._is_refused:
            return
        self._received += len(data)
        super().data_received(data)
        limit = _MAX_FRAMING_BYTES if self._is_head_complete else MAX_HEAD_BYTES
        if self._received > limit and not self.transport.is_closing():
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Start to wait for a head."""
        super().on_message_begin()
        self._is_head_complete = False
        self._start_timer(HEAD_S)

    def on_headers_complete(self) -> None:
        """Refuse a head that is too large, else start to wait for the body."""
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > MAX_HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return
        self._is_head_complete = True
        self._received = 0
        self._start_timer(BODY_S)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._received -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop waiting: what follows is the server's part."""
        self._stop_timer()
        self._waiting_since = None
        self._is_head_complete = False
        self._received = 0
        if not self._is_refused:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request, unless it is there."""
        if not self.pipeline:
            self._waiting_since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Give the client time to read what it was sent."""
        super().pause_writing()
        self._write_timer = self.loop.call_later(READ_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Continue, since the client reads."""
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
        super().resume_writing()

    def _start_timer(self, seconds: float) -> None:
        self._stop_timer()
        self._request_timer = self.loop.call_later(seconds, self._time_out)

    def _stop_timer(self) -> None:
        if self._request_timer is not None:
            self._request_timer.cancel()
            self._request_timer = None

    def _time_out(self) -> None:
        if self._is_head_complete or self._received:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()

    def _refuse(self, status: HTTPStatus) -> None:
        """Close the connection, after an answer unless one is already on its way."""
        self._is_refused = True
        self._stop_timer()
        cycle = self.cycle
        if self.flow.write_paused or (
            cycle and cycle.response_started and not cycle.response_complete
        ):
            self.transport.abort()
            return
        text = status.phrase.encode()
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%b" % (status, text, len(text), text)
        )
        self.transport.close()


def _close_longest_waiting(connections: list[LimitedProtocol]) -> bool:
    """Close the connection without a request for longest; return False if all have one."""
    waiting = [other for other in connections if other._can_be_replaced]
    if not waiting:
        return False
    min(waiting, key=lambda other: other._waiting_since or 0.0).transport.abort()
    return True
