"""Reads dead letters and sends them back."""
