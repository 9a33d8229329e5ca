"""A real Apache Kafka for one machine."""
