"""Which ports count as in use."""

import socket
from contextlib import ExitStack

import pytest

from infra.kafka import BrokerError, ports


@pytest.fixture
def outgoing():
    """The local port of a connection to some server."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        client = stack.enter_context(socket.create_connection(server.getsockname()))
        stack.enter_context(server.accept()[0])
        yield client.getsockname()[1]


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_port_is_taken_if_a_program_listens_on_it(address):
    with socket.create_server((address, 0)) as server:
        port = server.getsockname()[1]
        assert ports.is_taken(port)
    assert not ports.is_taken(port)


def test_a_port_is_not_taken_by_an_outgoing_connection(outgoing):
    assert not ports.is_taken(outgoing)


def test_the_error_tells_an_outgoing_connection_from_a_server(outgoing, monkeypatch):
    monkeypatch.setattr(ports, "_LEAVING_S", 0)
    with pytest.raises(BrokerError, match=f"port {outgoing} .* local end of .* FRAUD_KAFKA_PORT"):
        ports.refuse_taken(outgoing)
