"""The HTTP API: scoring with the stream's model and features, alerts, labels and the console."""
