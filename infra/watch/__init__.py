"""Prometheus, Alertmanager, node exporter and Grafana for the processes on this machine."""
