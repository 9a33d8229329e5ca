"""Publish one transaction: python examples/publish.py [BOOTSTRAP_SERVERS]

The exit code is 0 once Kafka has confirmed it. FRAUD_KAFKA_CONFIG names a librdkafka properties
file for SASL and TLS. V1..V28 are the anonymous components of creditcard.csv; these values look
like fraud to a model of that data.
"""

import json
import os
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

from confluent_kafka import Producer

local = f"127.0.0.1:{os.environ.get('FRAUD_KAFKA_PORT', '9092')}"
servers = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("FRAUD_BOOTSTRAP_SERVERS", local)
config = os.environ.get("FRAUD_KAFKA_CONFIG")
lines = [line.strip() for line in Path(config).read_text().splitlines()] if config else []
properties = dict(
    map(str.strip, line.split("=", 1)) for line in lines if line and not line.startswith("#")
)
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
    "account_id": "account-7",  # optional; the key, if present
}

outcomes = []
settings = {
    "bootstrap.servers": servers,
    "enable.idempotence": True,
    "partitioner": "murmur2_random",
    "log_level": 2,
}
producer = Producer(settings | properties)
producer.produce(
    topic,
    json.dumps(transaction),
    transaction["account_id"],
    on_delivery=lambda *outcome: outcomes.append(outcome),
)
producer.flush(30)
if not outcomes:
    sys.exit(f"no broker answers at {servers}")
[(error, message)] = outcomes
if error:
    sys.exit(f"{topic} refused it: {error.str()}")
print(f"{topic}[{message.partition()}]@{message.offset()}: {transaction['transaction_id']}")
