"""The status server: the address it listens on, and what it says of its process."""

from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry
from support.ports import find_free_port

from streams.status_server import serve


def health(host: str, port: int) -> int:
    with urlopen(f"http://{host}:{port}/health", timeout=5) as answer:
        return answer.status


@pytest.mark.parametrize(
    ("where", "answers", "silent"),
    [({}, "127.0.0.1", "127.0.0.2"), ({"host": "127.0.0.2"}, "127.0.0.2", "127.0.0.1")],
)
def test_a_page_listens_on_the_address_it_is_given(
    where: dict[str, str], answers: str, silent: str
) -> None:
    port = find_free_port()
    close = serve(CollectorRegistry(), port, lambda: True, "--port", **where)
    try:
        assert health(answers, port) == 200
        with pytest.raises(OSError):
            health(silent, port)
    finally:
        close()


def test_a_process_without_progress_is_not_healthy() -> None:
    port = find_free_port()
    close = serve(CollectorRegistry(), port, lambda: True, "--port", healthy=lambda: False)
    try:
        with pytest.raises(HTTPError) as answer:
            health("127.0.0.1", port)
        assert (answer.value.code, answer.value.read()) == (503, b"no progress\n")
    finally:
        close()
