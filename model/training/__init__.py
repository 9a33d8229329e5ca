"""Fitting a model, and choosing its thresholds."""
