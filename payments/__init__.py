"""Messages, their decoder, and the model's features.

No Kafka, clock, environment or network access in this package.
"""
