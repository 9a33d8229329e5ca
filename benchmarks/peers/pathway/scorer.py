"""Pathway: a table of raw records, scored by a batched UDF; `pathway spawn` runs two processes.

It does not save its progress: persistence requires a licence key ("FULL-PERSISTENCE"), so a restart
begins at the start of the topic.
"""

from typing import Any

import pathway as pw

from benchmarks.peers.common import PeerScorer, PeerSettings
from model.artefact import Model
from payments.schema.reading import DEFAULT, read_schema

_BATCH = 4096
_BACKLOG = 50_000  # records in processing; without a limit the whole topic is pulled into memory
_COMMIT_MS = 100
_WRITING = {
    "batch.size": "1000000",
    "batch.num.messages": "10000",
    "partitioner": "murmur2_random",
    "linger.ms": "5",
    "compression.type": "lz4",
}

settings = PeerSettings.from_environment("pathway")
scorer = PeerScorer(Model.load(settings.model, read_schema(DEFAULT)))


# deterministic: otherwise Pathway keeps every result in memory in case its input is retracted
@pw.udf(max_batch_size=_BATCH, deterministic=True)
def score(
    values: list[bytes], partitions: list[int], offsets: list[int]
) -> list[tuple[bytes, bytes | None]]:
    """Return (prediction, alert) for each transaction."""
    positions = zip(partitions, offsets, strict=True)
    return [(scored.prediction, scored.alert) for scored in scorer.score(values, positions)]


def main() -> None:
    """Score until stopped."""
    servers = {"bootstrap.servers": settings.servers}
    reading = {
        **servers,
        "group.id": settings.group,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
    }
    transactions = pw.io.kafka.read(
        reading,
        settings.transactions,
        format="raw",
        autogenerate_key=True,
        with_metadata=True,
        autocommit_duration_ms=_COMMIT_MS,
        max_backlog_size=_BACKLOG,
        name="transactions",
    )
    metadata: Any = pw.this._metadata
    position = [metadata[name].as_int() for name in ("partition", "offset")]
    scored = transactions.select(pw.this.key, scored=score(pw.this.data, *position))
    outputs = scored.select(
        *pw.this.without("scored"), prediction=pw.this.scored[0], alert=pw.this.scored[1]
    )
    _write(servers, outputs, outputs.prediction, settings.predictions)
    alerts = outputs.filter(outputs.alert.is_not_none())
    alerts = alerts.with_columns(alert=pw.unwrap(alerts.alert))
    _write(servers, alerts, alerts.alert, settings.alerts)
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)


def _write(servers: dict[str, str], table: pw.Table, value: pw.ColumnReference, topic: str) -> None:
    pw.io.kafka.write(
        table,
        {**servers, **_WRITING},
        topic,
        format="raw",
        key=table.key,
        value=value,
    )


if __name__ == "__main__":
    main()
