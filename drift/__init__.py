"""Windows over the scored stream, their statistics, Evidently reports and drift metrics."""
