"""A limit on the share of dead letters: a person should look at an unreadable stream first."""

from bisect import bisect_right

from streams.kafka.errors import DO_NOT_RESTART, StreamError
from streams.scorer.batch import ScoredBatch

WATCHED = 10_000  # the share is one of this many last records, as `--max-dead-share` promises


class TooManyDeadLettersError(StreamError):
    """More than the allowed share of the last records was refused."""

    exit_code = DO_NOT_RESTART


class DeadLetterLimit:
    """Watches one worker's batches. At most the share `most` (0 to 1) of records may be refused."""

    def __init__(self, most: float) -> None:
        self._most = most
        self._count = 0
        # the running numbers of the refused records among the last WATCHED
        self._refused: list[int] = []

    def check(self, scored: ScoredBatch) -> None:
        """Raise TooManyDeadLettersError if the batch exceeds the limit.

        Call it before the commit. It changes nothing, because an aborted batch comes again.
        """
        refused = (
            len(self._refused)
            - self._count_past(self._count + len(scored.batch.records))
            + scored.dead_letters.total()
        )
        if refused > self._most * WATCHED:
            raise TooManyDeadLettersError(
                f"{refused:,} of the last {WATCHED:,} records were refused, more than "
                f"--max-dead-share {self._most:g} allows "
                f"(the last as {', '.join(sorted(scored.dead_letters))}); "
                "the last batch was not committed. Look at them: fraud dlq list"
            )

    def record(self, scored: ScoredBatch) -> None:
        """Count a batch, once it is committed."""
        self._count += len(scored.batch.records)
        # as if the refused were the batch's last records
        self._refused.extend(range(self._count - scored.dead_letters.total() + 1, self._count + 1))
        del self._refused[: self._count_past(self._count)]

    def _count_past(self, count: int) -> int:
        """Return how many refused records have left the last WATCHED after `count` records."""
        return bisect_right(self._refused, count - WATCHED)
