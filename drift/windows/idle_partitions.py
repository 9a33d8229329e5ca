"""Which partitions have been silent for so long that nobody waits for them."""

from collections.abc import Callable, Iterable, Set


class Silence:
    """`after_s`: how long a partition is waited for. `clock`: seconds that only rise."""

    def __init__(self, after_s: float, clock: Callable[[], float]) -> None:
        self._after_s, self._clock = after_s, clock
        self._since: dict[int, float] = {}
        self._silent: set[int] = set()

    @property
    def awaited(self) -> Set[int]:
        """The partitions that are listened to and not silent."""
        return self._since.keys() - self._silent

    def heard(self, partitions: Iterable[int]) -> None:
        """Something came from them, or they are listened to from now on."""
        self._since |= dict.fromkeys(partitions, self._clock())
        self._silent.difference_update(partitions)

    def forget(self, partitions: Iterable[int]) -> None:
        """They are listened to no more."""
        for partition in partitions:
            self._since.pop(partition, None)
        self._silent.difference_update(partitions)

    def listen_again(self) -> None:
        """Nobody listened until now: only those that were silent already still are."""
        self.heard(set(self.awaited))

    def note(self, means_something: Callable[[], bool]) -> None:
        """Those whose time is up are silent, if silence means that there is nothing to read; else their time begins anew."""
        now = self._clock()
        overdue = {
            partition for partition in self.awaited if now - self._since[partition] >= self._after_s
        }
        if overdue and means_something():
            self._silent |= overdue
        elif overdue:
            self.listen_again()
