"""A limit on the share of dead letters: a stream that has become unreadable is to be looked at, not emptied."""

from collections import deque

from streams.batch import Scored

WATCHED = 10_000  # the last records that the share is taken of; the contract of `--max-dead-share`


class TooManyDeadLettersError(RuntimeError):
    """More than the allowed share of the last records was refused."""


class DeadShareLimit:
    """Watches one worker's batches. `most`: the share of the last WATCHED records that may be refused, 0 to 1."""

    def __init__(self, most: float) -> None:
        self._most = most
        self._count = 0
        self._refused: deque[int] = deque()  # the running numbers of the refused among the last WATCHED records

    def admit(self, scored: Scored) -> None:
        """Called before a batch is committed. Raises TooManyDeadLettersError when the batch goes beyond the limit."""
        self._count += len(scored.batch.records)
        self._refused.extend(range(self._count - scored.dead_letters.total() + 1, self._count + 1))  # as if they were its last
        while self._refused and self._refused[0] <= self._count - WATCHED:
            self._refused.popleft()
        if len(self._refused) > self._most * WATCHED:
            raise TooManyDeadLettersError(
                f"{len(self._refused):,} of the last {WATCHED:,} records were refused, more than --max-dead-share {self._most:g} allows "
                f"(the last as {', '.join(sorted(scored.dead_letters))}); the last batch was not committed. Look at them: fraud dlq list"
            )
