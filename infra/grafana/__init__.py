"""Grafana: dashboards as Python, the JSON generated from them (`python -m infra.grafana`), and what provisions both."""
