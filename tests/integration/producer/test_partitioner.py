"""A key is on the partition on which a Java client puts it, so that one account has one order."""

from support.publishing import publish
from support.topic_reader import read_all

# murmur2 of these keys, from the unit tests of Kafka's Java client
MURMUR2 = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
PARTITIONS = 4  # as the fixture `connection` creates them


def test_keys_are_placed_as_by_javas_clients(connection):
    for key in MURMUR2:
        publish(connection, "transactions", [b"{}"], key=key)
    messages = read_all(connection, "transactions", len(MURMUR2))
    assert {message.key(): message.partition() for message in messages} == {
        key: (value & 0x7FFFFFFF) % PARTITIONS for key, value in MURMUR2.items()
    }
