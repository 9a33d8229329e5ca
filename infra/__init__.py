"""What the system runs on: Kafka, Prometheus, Grafana, containers. Imports no other room."""
