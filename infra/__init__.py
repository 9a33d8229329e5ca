"""Kafka, containers, Prometheus and Grafana on this machine. Imports no other package here."""
