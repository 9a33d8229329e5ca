"""The scoring process: consume, score, commit."""
