"""Which partitions have been silent for so long that nobody waits for them."""

from collections.abc import Callable, Iterable, Set


class Silence:
    """`after_s`: how long a partition is waited for. `clock`: seconds that only rise."""

    def __init__(self, after_s: float, clock: Callable[[], float]) -> None:
        self._after_s, self._clock = after_s, clock
        self._since: dict[int, float] = {}
        self._silent: set[int] = set()

    @property
    def followed(self) -> Set[int]:
        """The partitions that are listened to."""
        return self._since.keys()

    @property
    def awaited(self) -> Set[int]:
        """Those of them that are not silent."""
        return self.followed - self._silent

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

    def overdue(self) -> set[int]:
        """Those that would be silent by now, if silence meant that there is nothing to read."""
        now = self._clock()
        return {partition for partition in self.awaited if now - self._since[partition] >= self._after_s}

    def give_up(self, partitions: Iterable[int]) -> None:
        """They are silent until something comes from them."""
        self._silent.update(partitions)
