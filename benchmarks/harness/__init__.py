"""What every benchmark runs on: the broker, the systems, the topics, and the stored results."""
