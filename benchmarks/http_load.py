"""A client of `POST /predict` that is quicker than the server: plain asyncio streams, connections that stay open."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import cycle
from time import perf_counter

_CONNECTIONS = (
    16  # enough that the server never waits for the client, few enough that none waits for long
)
_OK = b"http/1.1 200"
_LENGTH = b"content-length: "


class AnswerError(RuntimeError):
    """The server answered something else than 200."""


def request(body: bytes) -> bytes:
    """The bytes of one POST /predict."""
    return (
        b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
        % (
            len(body),
            body,
        )
    )


async def closed(port: int, bodies: Sequence[bytes], seconds: float) -> int:
    """As many requests as are answered in so many seconds, each connection asking again at once; returns how many."""
    end, asked = perf_counter() + seconds, cycle(map(request, bodies))

    async def client() -> int:
        answered = 0
        async with _connected(port) as (reader, writer):
            while perf_counter() < end:
                await _ask(reader, writer, next(asked))
                answered += 1
        return answered

    return sum(await asyncio.gather(*(client() for _ in range(_CONNECTIONS))))


async def scheduled(port: int, bodies: Sequence[bytes], rate: float, seconds: float) -> list[float]:
    """Requests at fixed times, whatever the server does; returns the seconds from each one's time to its answer."""
    due = enumerate(cycle(map(request, bodies)))
    count, start = int(rate * seconds), perf_counter() + 0.1
    latencies: list[float] = []

    async def client() -> None:
        async with _connected(port) as (reader, writer):
            for number, asked in _until(due, count):
                at = start + number / rate
                await asyncio.sleep(at - perf_counter())
                await _ask(reader, writer, asked)
                latencies.append(perf_counter() - at)

    await asyncio.gather(*(client() for _ in range(_CONNECTIONS)))
    return latencies


def _until(due: Iterator[tuple[int, bytes]], count: int) -> Iterator[tuple[int, bytes]]:
    """What is left of the schedule; the clients share it, and each takes what comes next."""
    for number, asked in due:
        if number >= count:
            return
        yield number, asked


@asynccontextmanager
async def _connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: bytes) -> None:
    writer.write(asked)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    begin = head.index(_LENGTH) + len(_LENGTH)
    await reader.readexactly(int(head[begin : head.index(b"\r", begin)]))
    if not head.startswith(_OK):
        raise AnswerError(f"the server answered {head.splitlines()[0].decode()}")
