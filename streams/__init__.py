"""The bus: topics, codec, delivery guarantees, the Faust app and its agent, metrics."""
