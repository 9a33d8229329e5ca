"""Kafka clients, topics, reading and committing: what every part that talks to the cluster shares."""
