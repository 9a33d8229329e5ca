"""The audit of what went in against what came out."""
