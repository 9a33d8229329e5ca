"""Track idle partitions, for which windows do not wait."""

from collections.abc import Callable, Iterable, Set


class IdlePartitions:
    """`after_s`: seconds without an event after which a partition is idle.

    `clock`: monotonic seconds.
    """

    def __init__(self, after_s: float, clock: Callable[[], float]) -> None:
        self._after_s = after_s
        self._clock = clock
        self._since: dict[int, float] = {}
        self._idle: set[int] = set()

    @property
    def active(self) -> Set[int]:
        """Return the assigned partitions that are not idle."""
        return self._since.keys() - self._idle

    def mark_active(self, partitions: Iterable[int]) -> None:
        """Restart the timers of partitions that sent an event or were assigned."""
        self._since |= dict.fromkeys(partitions, self._clock())
        self._idle.difference_update(partitions)

    def forget(self, partitions: Iterable[int]) -> None:
        """Stop tracking partitions that were revoked."""
        for partition in partitions:
            self._since.pop(partition, None)
        self._idle.difference_update(partitions)

    def expect_all(self) -> None:
        """Mark all assigned partitions active, because more events are about to come."""
        self.mark_active(set(self._since))

    def restart_timers(self) -> None:
        """Restart the timers after a pause in reading; idle partitions stay idle."""
        self.mark_active(set(self.active))

    def update(self, broker_answers: Callable[[], bool]) -> None:
        """Mark overdue partitions idle if the broker answers; otherwise restart the timers."""
        now = self._clock()
        overdue = {
            partition for partition in self.active if now - self._since[partition] >= self._after_s
        }
        if overdue and broker_answers():
            self._idle |= overdue
        elif overdue:
            self.restart_timers()
