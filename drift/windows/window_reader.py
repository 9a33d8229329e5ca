"""A closed window once more: its events are read again by its offsets, so the numbers come out the same."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from drift import predictions
from drift.errors import WindowGoneError
from drift.events import WindowClosed, WindowLabelled, all_windows, events_since
from drift.labels import join
from drift.labels.label_store import Labels
from drift.labels.labelling import HORIZON_S
from drift.labels.quality import Quality
from drift.reports.evidently_report import Labelled
from drift.windows.rolling_baseline import WINDOWS, Trailing
from drift.windows.window import Window
from streams.kafka import reader
from streams.kafka.cluster import Cluster
from streams.kafka.connection import Connection
from streams.kafka.topics import LABELS, PREDICTIONS

log = logging.getLogger(__name__)

_STRETCH_MS = 3_600_000


def find(connection: Connection, number: int) -> tuple[WindowClosed, list[WindowClosed]]:
    """The window of that number, and those before it. Raises WindowGoneError, KafkaException, streams.kafka.cluster.ReadingError."""
    known = [event for event in all_windows(connection) if event.window <= number]
    if not known or known[-1].window != number:
        there = f"the last is {known[-1].window}" if known else "there is none"
        raise WindowGoneError(f"drift.events has no window {number} ({there})")
    return known[-1], known[:-1]


def window(connection: Connection, event: WindowClosed) -> Window:
    """Its events. Raises WindowGoneError where retention has taken some, BrokenPredictionError, KafkaException, ReadingError."""
    found = Window(event.events, predictions.WIDTH)
    for batch in reader.read(connection, PREDICTIONS, *event.bounds):
        if batch:
            found.add(predictions.places(batch), predictions.rows(batch))
    if len(found) != event.events:
        raise WindowGoneError(
            f"window {event.window} had {event.events} predictions, {len(found)} are left: retention has taken the others"
        )
    return found


def trailing(
    connection: Connection, before: Sequence[WindowClosed], as_left: bool = False
) -> Trailing:
    """What the next window is compared with: the last of `before` that had a verdict. Raises as `window` does.

    `as_left`: windows that retention has taken are left out, for a monitor that was away for long.
    """
    found = Trailing()
    for event in [event for event in before if event.detected is not None][-WINDOWS:]:
        try:
            found.add(predictions.columns(window(connection, event).rows()))
        except WindowGoneError as error:
            if not as_left:
                raise
            log.warning("%s: the next windows are compared without it", error)
    return found


def labelled(connection: Connection, event: WindowClosed) -> Labelled:
    """What was decided about those of its payments that have a label by now, and what they were.

    The labels are those that the monitor counts, by the horizon that it judged the window with; before it did, by HORIZON_S. What analysts
    alone labelled is left out: that is alerts only, and would make every recall look perfect.
    """
    arrived = join.arrival(event, _horizon(connection, event))
    payments = [
        (transaction_id, decision)
        for _, decision, transaction_id in join.decisions(connection, [event])
    ]
    cluster, labels = (
        Cluster(connection),
        Labels(_STRETCH_MS, only=dict(payments)),
    )  # however many labels of others there are
    end = cluster.end(LABELS, cluster.partitions(LABELS)[LABELS])
    begin = cluster.since(LABELS, end, datetime.fromtimestamp(arrived[0] / 1000, UTC))
    for batch in reader.read(connection, LABELS, begin, end):
        labels.add(batch)
    quality = Quality()
    for transaction_id, decision in payments:
        quality.count(decision, labels.of(transaction_id, arrived))
    alerts = (quality.review, quality.block)
    counts = {
        (True, True): sum(outcomes.fraud for outcomes in alerts),
        (True, False): sum(outcomes.legitimate for outcomes in alerts),
        (False, True): quality.approve.fraud,
        (False, False): quality.approve.legitimate,
    }
    alert, fraud = np.repeat(np.array(list(counts)), list(counts.values()), axis=0).T
    return Labelled(alert, fraud)


def _horizon(connection: Connection, event: WindowClosed) -> timedelta:
    judged = [
        one
        for one in events_since(connection, event.closed_at)
        if isinstance(one, WindowLabelled) and one.window == event.window
    ]
    return timedelta(seconds=judged[-1].horizon_seconds if judged else HORIZON_S)
