"""The bus: topics, messages, delivery guarantees, the Faust app and its agent, metrics."""
