"""Training, evaluation, explanation, and the artefact.

No Kafka, clock, environment or network access in this package.
"""
