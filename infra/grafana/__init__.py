"""Grafana: dashboards in Python, and the JSON generated from them by `python -m infra.grafana`."""
