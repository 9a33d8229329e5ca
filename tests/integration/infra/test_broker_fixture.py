"""The broker of the tests works."""

from confluent_kafka import Producer
from support.data.transactions import make_transaction_bytes
from support.topic_reader import read_all


def test_sent_records_are_read_back(connection):
    producer = Producer(connection.make_writer_config())
    for i in range(100):
        producer.produce(
            connection.full_name("transactions"), make_transaction_bytes(i), key=f"t-{i}"
        )
    producer.flush(30)
    messages = read_all(connection, "transactions", 100)
    assert sorted(message.value() for message in messages) == sorted(
        make_transaction_bytes(i) for i in range(100)
    )
