"""The dataset on disk, the replay of it into Kafka, and the late labels."""
