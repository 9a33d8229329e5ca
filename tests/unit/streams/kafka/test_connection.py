"""What all clients of a connection have in common."""

from streams.kafka.connection import Connection


def test_producers_place_keys_as_javas_clients_do():
    """On a broker: tests/integration/producer/test_partitioner.py."""
    connection = Connection("127.0.0.1:9")
    assert connection.make_writer_config({"linger.ms": 5})["partitioner"] == "murmur2_random"
