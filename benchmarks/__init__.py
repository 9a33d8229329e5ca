"""Benchmarks: this system and its peers over the same topic, model and output, on one machine and one broker."""
