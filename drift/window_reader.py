"""Read a closed window again by its offsets, so that the results are the same as the monitor's."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import numpy as np

from drift import predictions
from drift.detect.columns import Columns
from drift.detect.rolling_baseline import WINDOWS, RollingBaseline
from drift.errors import WindowGoneError
from drift.events import WindowClosed, WindowLabelled, read_all_windows, read_events_since
from drift.labels.join import DecisionReader, label_period
from drift.labels.label_store import LabelStore
from drift.labels.labelling import HORIZON_S
from drift.predictions import PredictionDecoder
from drift.quality import Quality
from drift.reports.evidently_report import LabelledPayments
from drift.windows.window import Window
from streams.kafka import reader
from streams.kafka.clock import get_utc_now
from streams.kafka.cluster import Cluster
from streams.kafka.connection import Connection
from streams.kafka.errors import TopicMissingError
from streams.kafka.topics import LABELS, PREDICTIONS

log = logging.getLogger(__name__)

_INDEX_MS = 3_600_000


def find_window(connection: Connection, number: int) -> tuple[WindowClosed, list[WindowClosed]]:
    """Return the window with that number, and those before it of the same topic.

    Raises WindowGoneError, KafkaException, streams.kafka.errors.ReadingError.
    """
    windows = [event for event in read_all_windows(connection) if event.window <= number]
    if not windows or windows[-1].window != number:
        newest = f"the last is {windows[-1].window}" if windows else "there is none"
        raise WindowGoneError(f"drift.events has no window {number} ({newest})")
    found = windows.pop()
    same = takewhile(
        lambda earlier: found.topic_id is None or earlier.is_of(found.topic_id), reversed(windows)
    )
    return found, list(same)[::-1]


def read_window(connection: Connection, event: WindowClosed, decoder: PredictionDecoder) -> Window:
    """Return the window's events.

    Raises WindowGoneError if retention has deleted some or the topic was recreated, KafkaException,
    ReadingError.
    """
    topic_id = Cluster(connection).find_ids(PREDICTIONS).get(PREDICTIONS)
    if topic_id is None:
        raise TopicMissingError([connection.qualify(PREDICTIONS)])
    if event.topic_id not in (None, topic_id):
        raise WindowGoneError(
            f"window {event.window} is of a topic `predictions` that was recreated since "
            f"(old id {event.topic_id}, new id {topic_id})"
        )
    window = Window(event.events, decoder.width)
    for batch in reader.read(connection, PREDICTIONS, *event.bounds):
        if batch:
            positions, rows, _ = decoder.decode(batch)
            window.add(positions, rows)
    if len(window) != event.events:
        raise WindowGoneError(
            f"window {event.window} had {event.events} predictions, "
            f"of which {len(window)} can be read: retention has deleted the others, or they were "
            "scored with another schema"
        )
    return window


def rebuild_baseline(
    connection: Connection,
    before: Sequence[WindowClosed],
    decoder: PredictionDecoder,
    columns: Columns,
    skip_deleted: bool = False,
) -> RollingBaseline:
    """Return the baseline for the next window: the last of `before` with a verdict.

    `skip_deleted`: leave out windows that retention has deleted, for a monitor that was down for
    long. Raises as `read_window` does.
    """
    baseline = RollingBaseline()
    for event in [event for event in before if event.detected is not None][-WINDOWS:]:
        try:
            rows = read_window(connection, event, decoder).rows()
            baseline.add(predictions.make_detector_rows(rows, columns))
        except WindowGoneError as error:
            if not skip_deleted:
                raise
            log.warning("%s; comparing the next windows without it", error)
    return baseline


def read_labelled(decisions: DecisionReader, event: WindowClosed) -> LabelledPayments:
    """Return the decision and the truth for those of a window's payments that are labelled by now.

    Use the labels that the monitor uses, by the horizon with which it evaluated the window, or
    HORIZON_S if it has not done so yet. Leave out payments that only analysts labelled: those are
    all alerts, and would make every recall look perfect.
    """
    connection = decisions.connection
    period_ms = label_period(event, _label_horizon(connection, event))
    payments = [(payment, decision) for _, decision, payment in decisions.read([event])]
    cluster = Cluster(connection)
    # bounded, however many others there are
    only = {payment.transaction_id for payment, _ in payments}
    labels = LabelStore(decisions.rules, _INDEX_MS, only=only)
    end = cluster.find_end(LABELS)
    begin = cluster.find_since(LABELS, end, datetime.fromtimestamp(period_ms[0] / 1000, UTC))
    for batch in reader.read(connection, LABELS, begin, end):
        labels.add(batch, int(get_utc_now().timestamp() * 1000))
    quality = Quality()
    for payment, decision in payments:
        quality.count(decision, labels.truth(payment, period_ms))
    alerts = (quality.review, quality.block)
    counts = {
        (True, True): sum(outcomes.fraud for outcomes in alerts),
        (True, False): sum(outcomes.legitimate for outcomes in alerts),
        (False, True): quality.approve.fraud,
        (False, False): quality.approve.legitimate,
    }
    alert, fraud = np.repeat(np.array(list(counts)), list(counts.values()), axis=0).T
    return LabelledPayments(alert, fraud)


def _label_horizon(connection: Connection, event: WindowClosed) -> timedelta:
    labelled = [
        later
        for later in read_events_since(connection, event.closed_at)
        if isinstance(later, WindowLabelled) and later.window == event.window
    ]
    return timedelta(seconds=labelled[-1].horizon_seconds if labelled else HORIZON_S)
