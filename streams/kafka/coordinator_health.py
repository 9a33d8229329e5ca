"""Whether a consumer reaches its group's coordinator, from the client's statistics."""

import json
from collections.abc import Callable
from time import monotonic
from typing import Any

from streams.kafka.errors import OutageError

_REPORT_EVERY_MS = 500
# The client reports to the thread that polls, which may have to wait for a commit first. A broker
# that does not answer may block that commit until it is back: librdkafka's
# send_offsets_to_transaction (2.16) ignores its timeout.
_REPORT_EXPIRES_S = 3.0
# librdkafka 2.16 may forget a lone broker for good if that reports, while it shuts down, that it
# knows no broker (confluentinc/librdkafka#5301); then only a new client finds it again. Longer than
# an ordinary restart of a broker.
_OUTAGE_S = 60.0


class CoordinatorHealth:
    """Watches one consumer, which has to be made with `settings`.

    The polling thread calls `on_outage` after _OUTAGE_S without contact: only a new client may find
    the coordinator then.
    """

    def __init__(self, on_outage: Callable[[OutageError], None]) -> None:
        self._on_outage = on_outage
        self._up = False
        self._up_at = monotonic()  # of the last report that said so; a new client has a minute
        self.statistics: dict[str, Any] = {}
        """The last report, as in librdkafka's STATISTICS.md."""

    @property
    def settings(self) -> dict[str, Any]:
        """Consumer settings: without regular reports an idle client would not notice an outage."""
        return {"statistics.interval.ms": _REPORT_EVERY_MS, "stats_cb": self._on_report}

    @property
    def is_up(self) -> bool:
        """Whether a recent statistics report says the coordinator is up."""
        return self._up and monotonic() - self._up_at < _REPORT_EXPIRES_S

    def _on_report(self, statistics: str) -> None:
        """Handle a report, JSON as in librdkafka's STATISTICS.md."""
        now = monotonic()
        self.statistics = json.loads(statistics)
        self._up = self.statistics.get("cgrp", {}).get("state") == "up"
        if self._up:
            self._up_at = now
        elif now - self._up_at > _OUTAGE_S:
            self._on_outage(
                OutageError(
                    f"no contact with the group's coordinator for {_OUTAGE_S:.0f} s; "
                    "a new client has to connect"
                )
            )
