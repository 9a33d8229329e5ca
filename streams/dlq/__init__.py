"""Reading dead letters and sending them back."""
