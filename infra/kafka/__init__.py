"""A real Apache Kafka on this machine: in a container where Docker's engine answers, else started from its jars."""

VERSION = "4.3.1"
IMAGE = f"apache/kafka:{VERSION}"


class BrokerError(RuntimeError):
    """Kafka could not be had, started or stopped; the text says why and what to do."""
