"""Evaluation of a model on labelled rows."""
