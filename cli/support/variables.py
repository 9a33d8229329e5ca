"""The variables that this project reads, for docs/configuration.md and .env.example, which `python -m docs.configuration` writes."""

from typing import NamedTuple

from infra.demo_ports import DEFAULTS


class Variable(NamedTuple):
    """`default` as it is used, or in words; `sample` stands in .env.example where the default is in words."""

    name: str
    default: str
    meaning: str
    sample: str = ""


def _port(name: str, meaning: str) -> Variable:
    return Variable(name, str(DEFAULTS[name]), meaning)


GROUPS: dict[str, tuple[Variable, ...]] = {
    "Kafka": (
        Variable(
            "FRAUD_BOOTSTRAP_SERVERS",
            "the local Kafka",
            "A Kafka of yours; without it 127.0.0.1:FRAUD_KAFKA_PORT is used.",
            "broker1:9092,broker2:9092",
        ),
        Variable(
            "FRAUD_KAFKA_CONFIG",
            "none",
            "A file of librdkafka properties for SASL and TLS, one key=value a line.",
            "/path/to/client.properties",
        ),
        Variable(
            "FRAUD_TOPIC_PREFIX",
            "",
            "Goes before the name of every topic, group and transactional id.",
            "test.",
        ),
        _port("FRAUD_KAFKA_PORT", "The local Kafka; its controller takes this port + 3."),
    ),
    "Ports and addresses": (
        _port("FRAUD_API_PORT", "The API and the console."),
        _port("FRAUD_MONITOR_PORT", "The monitor's metrics."),
        _port(
            "FRAUD_METRICS_PORT",
            "The metrics of the first scorer worker; worker i takes this port + i.",
        ),
        Variable(
            "FRAUD_METRICS_HOST",
            "127.0.0.1",
            "The address that the metrics of scorer and monitor listen on; 0.0.0.0 in a container, which publishes them or does not.",
        ),
        Variable(
            "FRAUD_SCORER_HOST",
            "127.0.0.1",
            "Where the console asks the workers for their figures: a name stands for all its addresses.",
        ),
    ),
    "The API": (
        Variable(
            "FRAUD_API_KEY",
            "none",
            "Clients send it as X-API-Key. Needed where the API listens on more than 127.0.0.1.",
            "a-long-random-text",
        ),
    ),
    "Files": (
        Variable(
            "FRAUD_HOME",
            ".run in the checkout",
            "Kafka's data, logs, models and reports.",
            "/var/lib/fraud",
        ),
        Variable(
            "FRAUD_MODEL_DIR",
            "models/latest in FRAUD_HOME",
            "The artefact to score with.",
            "/path/to/model",
        ),
        Variable(
            "FRAUD_DATA",
            "downloaded",
            "A copy of creditcard.csv, or a CSV of its shape.",
            "/path/to/creditcard.csv",
        ),
    ),
    "Processes": (
        Variable(
            "FRAUD_INSTANCE",
            "the host name",
            "Names this scorer in its transactional ids; stable over restarts.",
            "scorer-1",
        ),
        Variable("FRAUD_DEBUG", "0", "1: an error shows its trace, as `fraud --debug` does."),
    ),
    "`make watch` and containers": (
        _port("FRAUD_PROMETHEUS_PORT", "Prometheus."),
        _port("FRAUD_ALERTMANAGER_PORT", "Alertmanager."),
        _port("FRAUD_NODE_EXPORTER_PORT", "Node exporter."),
        _port("FRAUD_GRAFANA_PORT", "Grafana; needs Docker."),
        Variable(
            "FRAUD_ALERT_WEBHOOK",
            "printed",
            "`make watch`: where Alertmanager posts alerts.",
            "http://127.0.0.1:8002/alerts",
        ),
    ),
    "Of other programs": (
        Variable(
            "XDG_CACHE_HOME",
            "~/.cache",
            "creditcard.csv is kept below it, in streaming-fraud-scorer.",
            "/path/to/cache",
        ),
        Variable(
            "PIP_INDEX_URL",
            "pip's own",
            "Where the images' packages come from, and the data where only a package index is reached.",
            "https://index.example/simple",
        ),
        Variable(
            "EXTRA_CA",
            "none",
            "A certificate authority that the images trust as well, as PEM: networks that inspect TLS have one.",
            "-----BEGIN CERTIFICATE-----...",
        ),
    ),
}
