"""Print alerts as they arrive, until Ctrl-C: python examples/consume.py [BOOTSTRAP_SERVERS]

FRAUD_KAFKA_CONFIG names a librdkafka properties file for SASL and TLS. After a restart the group
continues at its last committed offset.
"""

import json
import os
import sys
from pathlib import Path

from confluent_kafka import Consumer

local = f"127.0.0.1:{os.environ.get('FRAUD_KAFKA_PORT', '9092')}"
servers = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("FRAUD_BOOTSTRAP_SERVERS", local)
config = os.environ.get("FRAUD_KAFKA_CONFIG")
lines = [line.strip() for line in Path(config).read_text().splitlines()] if config else []
properties = dict(
    map(str.strip, line.split("=", 1)) for line in lines if line and not line.startswith("#")
)
prefix = os.environ.get("FRAUD_TOPIC_PREFIX", "")

settings = {
    "bootstrap.servers": servers,
    "group.id": prefix + "my-service",
    "isolation.level": "read_committed",  # an uncommitted record is not a decision
    "auto.offset.reset": "earliest",
    "enable.auto.commit": False,
}
consumer = Consumer(settings | properties)
consumer.subscribe([prefix + "alerts"])
try:
    while True:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            sys.exit(f"alerts: {message.error().str()}")
        alert = json.loads(message.value())
        reasons = ", ".join(
            f"{reason['feature']} {reason['contribution']:+.2f}" for reason in alert["reasons"]
        )
        decision = f"{alert['decision']}, {alert['probability']:.4f}"
        print(f"{alert['transaction_id']}: {decision}, {reasons}", flush=True)
        consumer.commit(message)  # after handling the alert: at least once
except KeyboardInterrupt:
    pass
finally:
    consumer.close()
