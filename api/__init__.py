"""HTTP: the same model and the same feature function as the stream, alerts, labels and the console."""
