"""Evidently reports and the process that writes them."""
