"""Kafka clients, topics, readers and committers, for everything that talks to the cluster."""
