"""Brokers of their own for tests: behind a proxy, with TLS and SASL, or three at once."""
