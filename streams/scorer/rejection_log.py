"""Say once a minute that nearly all records are rejected: the scorer works, but scores nothing."""

import logging
import threading
from collections import Counter
from time import monotonic

from streams.scorer.batch import ScoredBatch

log = logging.getLogger(__name__)

_EVERY_S = 60.0
_SHARE = 0.9
_DETAIL_CHARACTERS = 120


class RejectionLog:
    """Counts one worker's records. `record` and `tick` may be called by different threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began = monotonic()
        self._records = 0
        self._kinds = Counter[str]()
        self._details: dict[str, str] = {}

    def record(self, scored: ScoredBatch) -> None:
        """Count a batch, once it is committed."""
        with self._lock:
            self._records += len(scored.batch.records)
            self._kinds += scored.dead_letters
            self._details |= scored.details

    def tick(self) -> None:
        """Warn if a minute is over and nearly all of its records were rejected. Call it often."""
        now = monotonic()
        if now - self._began < _EVERY_S:
            return
        with self._lock:
            records = self._records
            kinds = self._kinds
            details = self._details
            self._began = now
            self._records = 0
            self._kinds = Counter()
            self._details = {}
        rejected = kinds.total()
        if rejected and rejected >= _SHARE * records:
            [(kind, count)] = kinds.most_common(1)
            log.warning(
                "%s of %s records of the last minute were rejected, %s as %s (%s); "
                "look at them: fraud dlq list",
                f"{rejected:,}",
                f"{records:,}",
                f"{count:,}",
                kind,
                " ".join(details[kind].split())[:_DETAIL_CHARACTERS],
            )
