"""Detect drift in a window and rate its severity."""
