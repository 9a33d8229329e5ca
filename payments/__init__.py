"""What a payment is: the messages, their decoder and the model's features. No Kafka, clock, environment or network."""
