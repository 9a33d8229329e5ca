"""Measuring a model on labelled rows."""
