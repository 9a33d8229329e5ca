"""Publishes one transaction as any service would: python examples/publish.py [BOOTSTRAP_SERVERS]

V1..V28 are the anonymous components that the data's publisher made of a payment. These look like fraud to a model of that data.
"""

import json
import os
import sys
import uuid
from datetime import UTC, datetime

from confluent_kafka import Producer

local = f"127.0.0.1:{os.environ.get('FRAUD_KAFKA_PORT', '9092')}"
servers = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("FRAUD_BOOTSTRAP_SERVERS", local)
topic = os.environ.get("FRAUD_TOPIC_PREFIX", "") + "transactions"

components = {f"V{i}": 0.0 for i in range(1, 29)} | {
    "V3": -7.0,
    "V4": 6.0,
    "V10": -6.0,
    "V11": 5.0,
    "V12": -9.0,
    "V14": -9.0,
    "V17": -8.0,
}
transaction = {
    "transaction_id": str(uuid.uuid4()),
    "event_time": datetime.now(UTC).isoformat(),
    **components,
    "Amount": 129.9,
    "account_id": "account-7",  # optional; where there is one, it is the key
}

producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True, "partitioner": "murmur2_random", "log_level": 2})
producer.produce(
    topic,
    json.dumps(transaction),
    key=transaction["account_id"],
    on_delivery=lambda error, message: print(
        error or f"{topic}[{message.partition()}]@{message.offset()}: {transaction['transaction_id']}"
    ),
)
if producer.flush(30):
    sys.exit(f"no broker answers at {servers}")
