"""What a transaction and a score are. No Kafka, clock, environment or network in this room."""
