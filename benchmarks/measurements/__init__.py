"""The measurements: throughput, latency, CPU by stage, start-up and the API."""
