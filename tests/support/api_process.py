"""`fraud serve` in a process of its own."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator

import httpx

from streams.kafka.connection import Connection
from support.commands import make_environment
from support.paths import ROOT
from support.ports import find_free_port
from support.waiting import wait_for


def _answers(client: httpx.Client, process: subprocess.Popen) -> bool:
    assert process.poll() is None, process.communicate()[0]
    with contextlib.suppress(httpx.TransportError):
        return client.get("/health").status_code == 200
    return False


@contextlib.contextmanager
def run_api(connection: Connection, *arguments: str, **changes: str) -> Iterator[httpx.Client]:
    """A client of `fraud serve` with these arguments and variables; it sends the key, if there is one."""
    port = str(find_free_port())
    variables = make_environment(connection, FRAUD_API_PORT=port, **changes)
    headers = {"X-API-Key": variables["FRAUD_API_KEY"]} if variables.get("FRAUD_API_KEY") else {}
    command = [sys.executable, "-m", "cli.main", "serve", *arguments]
    process = subprocess.Popen(
        command,
        env=variables,
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30
        ) as client:
            wait_for(lambda: _answers(client, process), 60, "the server answers")
            yield client
        process.terminate()
        output, _ = process.communicate(timeout=20)
        assert process.returncode == 0, output
    finally:
        process.kill()
        process.wait()
