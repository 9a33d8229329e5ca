"""Whether a consumer is in touch with its group's coordinator, from what its client tells of itself."""

import json
from collections.abc import Callable
from time import monotonic
from typing import Any

from streams.kafka.committer import OutageError

_TELLS_EVERY_MS = 500
# The client tells of itself to the thread that polls, which may wait for a commit before it listens. A call that the broker does not answer
# may hold that commit for as long as the broker is away: librdkafka's send_offsets_to_transaction (2.16) keeps no time-out.
_UNHEARD_S = 3.0
# librdkafka 2.16 may forget a lone broker for good that says, while it is being stopped, that it knows of none
# (confluentinc/librdkafka#5301): then only a new client finds it again. Longer than an ordinary restart of a broker.
_OUT_OF_TOUCH_S = 60.0


class CoordinatorHealth:
    """Of one consumer, which is to be made with `settings`.

    `on_lost` is told, by the thread that polls, when the consumer has been out of touch for so long that only a new one may find a way.
    """

    def __init__(self, on_lost: Callable[[OutageError], None]) -> None:
        self._on_lost = on_lost
        self._up = False
        self._up_at = monotonic()  # when it was in touch last; it has a minute to begin with

    @property
    def settings(self) -> dict[str, Any]:
        """For the consumer: it tells of itself without being asked, for an idle one would not notice an outage otherwise."""
        return {"statistics.interval.ms": _TELLS_EVERY_MS, "stats_cb": self._told}

    @property
    def is_up(self) -> bool:
        """Whether the consumer is in touch, by its own word, which is not old."""
        return self._up and monotonic() - self._up_at < _UNHEARD_S

    def _told(self, statistics: str) -> None:
        """JSON, as librdkafka's STATISTICS.md has it."""
        self._up, now = json.loads(statistics).get("cgrp", {}).get("state") == "up", monotonic()
        if self._up:
            self._up_at = now
        elif now - self._up_at > _OUT_OF_TOUCH_S:
            self._on_lost(
                OutageError(
                    f"out of touch with the group's coordinator for {_OUT_OF_TOUCH_S:.0f} s: a new client is to try"
                )
            )
