"""A `POST /predict` client faster than the server: plain asyncio streams with keep-alive."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import cycle
from time import perf_counter

# Enough that the server never waits for the client, few enough that no request waits for long.
_CONNECTIONS = 16
_OK = b"http/1.1 200"
_LENGTH = b"content-length: "
_REQUEST = (
    b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b"
)


class AnswerError(RuntimeError):
    """The server returned a status other than 200."""


def encode_request(body: bytes) -> bytes:
    """Return the bytes of one POST /predict request."""
    return _REQUEST % (len(body), body)


async def run_closed_loop(port: int, bodies: Sequence[bytes], seconds: float) -> int:
    """Send a request whenever a connection is free; return the number answered."""
    end = perf_counter() + seconds
    requests = cycle(map(encode_request, bodies))

    async def run_client() -> int:
        answered = 0
        async with _connect(port) as (reader, writer):
            while perf_counter() < end:
                await _send(reader, writer, next(requests))
                answered += 1
        return answered

    return sum(await asyncio.gather(*(run_client() for _ in range(_CONNECTIONS))))


async def run_open_loop(
    port: int, bodies: Sequence[bytes], rate: float, seconds: float
) -> list[float]:
    """Send requests at fixed times, whatever the server does.

    Returns the seconds from each scheduled time to the response.
    """
    schedule = enumerate(cycle(map(encode_request, bodies)))
    count = int(rate * seconds)
    start = perf_counter() + 0.1
    latencies: list[float] = []

    async def run_client() -> None:
        async with _connect(port) as (reader, writer):
            for number, request in _take(schedule, count):
                at = start + number / rate
                await asyncio.sleep(at - perf_counter())
                await _send(reader, writer, request)
                latencies.append(perf_counter() - at)

    await asyncio.gather(*(run_client() for _ in range(_CONNECTIONS)))
    return latencies


def _take(schedule: Iterator[tuple[int, bytes]], count: int) -> Iterator[tuple[int, bytes]]:
    """Yield the rest of the first `count` requests; clients share the schedule."""
    for number, request in schedule:
        if number >= count:
            return
        yield number, request


@asynccontextmanager
async def _connect(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def _send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    begin = head.index(_LENGTH) + len(_LENGTH)
    await reader.readexactly(int(head[begin : head.index(b"\r", begin)]))
    if not head.startswith(_OK):
        raise AnswerError(f"the server answered {head.splitlines()[0].decode()}")
