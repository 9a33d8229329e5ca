"""Measurements of the drift verdict: false alarms, detection, and the speed of the monitor."""
