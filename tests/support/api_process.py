"""Run `fraud serve` in a process."""

import contextlib
import subprocess
from collections.abc import Iterator

import httpx

from streams.kafka.connection import Connection
from support.commands import make_environment, start
from support.ports import find_free_port
from support.waiting import wait_for


def _answers(client: httpx.Client, process: subprocess.Popen) -> bool:
    assert process.poll() is None, process.communicate()[0]
    with contextlib.suppress(httpx.TransportError):
        return client.get("/health").status_code == 200
    return False


@contextlib.contextmanager
def run_api(connection: Connection, *arguments: str, **changes: str) -> Iterator[httpx.Client]:
    """Run `fraud serve` until the block ends, and yield a client that sends the API key, if any."""
    port = str(find_free_port())
    variables = make_environment(connection, FRAUD_API_PORT=port, **changes)
    headers = {"X-API-Key": variables["FRAUD_API_KEY"]} if variables.get("FRAUD_API_KEY") else {}
    url = f"http://127.0.0.1:{port}"
    with start(["serve", *arguments], variables, stderr=subprocess.STDOUT) as process:
        with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
            wait_for(lambda: _answers(client, process), 60, "the server answers")
            yield client
        process.terminate()
        output, _ = process.communicate(timeout=20)
        assert process.returncode == 0, output
