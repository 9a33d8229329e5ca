"""Windows over the scored stream."""
