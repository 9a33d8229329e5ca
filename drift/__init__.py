"""Drift of the scored stream: windows, verdicts, labels, reports and metrics."""
