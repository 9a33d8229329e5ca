"""Benchmarks of this system and its peers, on the same topic, model, output, machine and broker."""
