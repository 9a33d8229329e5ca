"""Prometheus, Alertmanager and node exporter beside the demo, where there is no Docker: python -m infra.watch"""
