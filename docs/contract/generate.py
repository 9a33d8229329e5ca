"""Write the contract, schemas/, examples/ and asyncapi.yaml, from the declarations in the code.

Run: .venv/bin/python -m docs.contract.generate
"""

import json
from pathlib import Path
from typing import Any

import yaml

from docs.contract import messages
from payments.contract import CONTRACT_VERSION
from streams.kafka import topics

FOLDER = Path(__file__).parent
Json = dict[str, Any]

KEY = "account_id where the transaction has one, else transaction_id"  # as released
# topic: message, and whether this system reads or writes it
CHANNELS = {
    topics.TRANSACTIONS: ("transaction", "receive"),
    topics.PREDICTIONS: ("prediction", "send"),
    topics.ALERTS: ("alert", "send"),
    topics.DEAD_LETTERS: ("dead-letter", "send"),
    topics.LABELS: ("label", "receive"),
    topics.DRIFT_EVENTS: ("drift-event", "send"),
    topics.HISTORY: ("block", "send"),
}
SUMMARIES = {
    "transaction": "A payment to score.",
    "prediction": "The decision about one valid transaction, which it contains byte for byte.",
    "alert": "A prediction that is not `approve`, with its reasons.",
    "dead-letter": "A refused record: its original bytes and key; the headers give the reason.",
    "label": (
        "The truth about a transaction, known late. The source of the highest rank wins, of its "
        "labels the one with the last `labelled_at`, which counts no later than the label arrived."
    ),
    "drift-event": (
        "What the monitor found: a window closed (`window`), its labels arrived (`labels`; the "
        "last one counts), the severity changed (`severity`)."
    ),
    "block": "The scored payments of a batch and partition, from which workers rebuild history.",
}


def render_files() -> dict[str, str]:
    """Return the files' contents by path below this folder."""
    schemas = {
        f"schemas/{name}.json": json.dumps(schema, indent=2) + "\n"
        for name, schema in messages.make_schemas().items()
    }
    examples = {
        f"examples/{name}.json": value.decode() + "\n"
        for name, value in messages.make_examples().items()
    }
    page = yaml.safe_dump(describe_topics(), sort_keys=False, width=140)
    return schemas | examples | {"asyncapi.yaml": "# Written by docs/contract/generate.py\n" + page}


def describe_topics() -> Json:
    """Return the topics as an AsyncAPI 3.0 document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Streaming fraud scorer",
            "version": f"{CONTRACT_VERSION}.0.0",
            "description": (
                "Read with isolation.level=read_committed: an uncommitted record is not a decision."
            ),
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "local": {
                "host": "127.0.0.1:9092",
                "protocol": "kafka",
                "description": "the Kafka of `fraud kafka start`",
            }
        },
        "channels": {topic.name: _describe_channel(topic) for topic in topics.TOPICS},
        "operations": {
            f"{action}-{message}": {"action": action, "channel": {"$ref": f"#/channels/{name}"}}
            for name, (message, action) in CHANNELS.items()
        },
        "components": {
            "messages": {
                message: _describe_message(message, name) for name, (message, _) in CHANNELS.items()
            }
        },
    }


def _describe_channel(topic: topics.Topic) -> Json:
    message = CHANNELS[topic.name][0]
    configuration = {
        "retention.ms": topic.retention_ms,
        "max.message.bytes": topic.max_record_bytes,
    }
    kafka = {
        "partitions": topic.partitions or topics.PARTITIONS,
        "topicConfiguration": configuration,
        "bindingVersion": "0.5.0",
    }
    return {
        "address": topic.name,
        "description": (
            f"Kept for {topic.retention_ms // 86_400_000} days. "
            "FRAUD_TOPIC_PREFIX, if set, precedes the name."
        ),
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
        "bindings": {"kafka": kafka},
    }


def _describe_message(message: str, topic: str) -> Json:
    if topic == topics.HISTORY:
        return {
            "name": message,
            "summary": SUMMARIES[message],
            "contentType": "application/octet-stream",
            "payload": {"description": "for this system only; streams/history/block.py has it"},
        }
    examples = messages.make_examples()
    described: Json = {"name": message, "summary": SUMMARIES[message]}
    if topic == topics.DEAD_LETTERS:
        headers = messages.DEAD_LETTER_HEADERS
        described["headers"] = {"$ref": f"schemas/{headers}.json"}
        described["contentType"] = "application/octet-stream"
        payload: Json = {"description": "the bytes that were sent, unchanged"}
        example: Json = {
            "headers": json.loads(examples[headers]),
            "payload": '{"transaction_id": "t-1"}',
        }
    else:
        payload = {"$ref": f"schemas/{message}.json"}
        example = {"payload": json.loads(examples[message])}
    key = (
        {}
        if topic == topics.DRIFT_EVENTS
        else {"bindings": {"kafka": {"key": {"type": "string", "description": KEY}}}}
    )
    return described | {"payload": payload, "examples": [example]} | key


def main() -> None:
    """Write the files."""
    for name, content in render_files().items():
        path = FOLDER / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
