"""A limit on the share of dead letters: a stream that has become unreadable is to be looked at, not emptied."""

from bisect import bisect_right

from streams.scorer.batch import ScoredBatch

WATCHED = 10_000  # the last records that the share is taken of; the contract of `--max-dead-share`


class TooManyDeadLettersError(RuntimeError):
    """More than the allowed share of the last records was refused."""


class DeadLetterLimit:
    """Watches one worker's batches. `most`: the share of the last WATCHED records that may be refused, 0 to 1."""

    def __init__(self, most: float) -> None:
        self._most = most
        self._count = 0
        self._refused: list[
            int
        ] = []  # the running numbers of the refused among the last WATCHED records

    def check(self, scored: ScoredBatch) -> None:
        """Called before a batch is committed, and changes nothing: it may be aborted, and come again.

        Raises TooManyDeadLettersError when the batch goes beyond the limit.
        """
        refused = (
            len(self._refused)
            - self._past(self._count + len(scored.batch.records))
            + scored.dead_letters.total()
        )
        if refused > self._most * WATCHED:
            raise TooManyDeadLettersError(
                f"{refused:,} of the last {WATCHED:,} records were refused, more than --max-dead-share {self._most:g} allows "
                f"(the last as {', '.join(sorted(scored.dead_letters))}); the last batch was not committed. Look at them: fraud dlq list"
            )

    def record(self, scored: ScoredBatch) -> None:
        """Called once a batch is committed: only then it counts."""
        self._count += len(scored.batch.records)
        self._refused.extend(
            range(self._count - scored.dead_letters.total() + 1, self._count + 1)
        )  # as if they were its last
        del self._refused[: self._past(self._count)]

    def _past(self, count: int) -> int:
        """How many of the refused are no longer among the last WATCHED once there were `count` records."""
        return bisect_right(self._refused, count - WATCHED)
