"""The settings of a topic that can delete or refuse a record: which values are safe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

_HOUR_MS = 3600 * 1000
_UNLIMITED = "-1"


@dataclass(frozen=True)
class Setting:
    """A setting, its declared value, and the numbers that are as safe as that.

    `least` and `most` include themselves; -1 on the cluster means unlimited. Without either, only
    the declared value is safe.
    """

    name: str
    declared: str
    least: float | None = None
    most: float | None = None

    def is_safe(self, found: str) -> bool:
        """Return whether a value on the cluster is as safe as the declared one."""
        if self.least is None and self.most is None:
            return found == self.declared
        number = inf if found == _UNLIMITED else float(found)
        least = -inf if self.least is None else self.least
        most = inf if self.most is None else self.most
        return least <= number <= most


@dataclass(frozen=True)
class Difference:
    """A setting whose value on the cluster is less safe than declared."""

    setting: Setting
    found: str

    def __str__(self) -> str:
        """Return it in words."""
        setting = self.setting
        declared = setting.declared
        if declared == _UNLIMITED:
            declared = "unlimited"
        elif setting.least is not None and setting.most is None:
            declared = f"{setting.least:.0f} or more"
        return f"{setting.name}={self.found} (declared: {declared})"


def exactly(name: str, value: object) -> Setting:
    """Declare a setting of which no other value is as safe."""
    return Setting(name, str(value))


def at_least(name: str, value: int) -> Setting:
    """Declare a setting of which larger values are as safe."""
    return Setting(name, str(value), least=value)


def unlimited(name: str) -> Setting:
    """Declare a setting of which any limit is less safe than none."""
    return Setting(name, _UNLIMITED, least=inf)


def in_sync(replicas: int) -> Setting:
    """Declare min.insync.replicas for a topic with that many replicas.

    With three or more, two must be in sync, or the loss of one disk can lose acknowledged records.
    More than there are would refuse every record.
    """
    least = 2 if replicas >= 3 else 1
    return Setting("min.insync.replicas", str(least), least=least, most=replicas)


BROKER_TIME = exactly("message.timestamp.type", "LogAppendTime")
"""A record has the time at which the broker appended it; latency and retention rest on that."""
# If records have their writers' timestamps, the broker refuses those that are too far from its own
# time. A writer waits up to 30 s for the broker, and the clocks of two machines differ.
_LEAST_LIMIT_MS = 10 * 60 * 1000
_BEFORE = "message.timestamp.before.max.ms"
_AFTER = "message.timestamp.after.max.ms"
_MAX_BEFORE_MS = 24 * _HOUR_MS  # for senders that were offline
_MAX_AFTER_MS = _HOUR_MS  # Kafka's own limit since 4.0
# A sender with a wrong clock could make its records expire at once. These limits make the broker
# refuse them, and the sender learns so.
SENDER_TIME_LIMITS = (
    Setting(_BEFORE, str(_MAX_BEFORE_MS), least=_LEAST_LIMIT_MS, most=_MAX_BEFORE_MS),
    Setting(_AFTER, str(_MAX_AFTER_MS), least=_LEAST_LIMIT_MS, most=_MAX_AFTER_MS),
)
OWN_TIME_LIMITS = (
    Setting(_BEFORE, str(_MAX_BEFORE_MS), least=_LEAST_LIMIT_MS),
    Setting(_AFTER, str(_MAX_AFTER_MS), least=_LEAST_LIMIT_MS),
)
"""Of topics that only this system writes: a limit must not refuse its own records."""


def has_sender_time(config: Mapping[str, str | None]) -> bool:
    """Return whether a topic's records keep their senders' timestamps."""
    return config.get(BROKER_TIME.name) == "CreateTime"


def compare(declared: Sequence[Setting], config: Mapping[str, str | None]) -> list[Difference]:
    """Return the settings in which a topic's `config` is less safe than declared.

    Senders' timestamps are as safe as BROKER_TIME within SENDER_TIME_LIMITS; topics without that
    setting are this system's own (OWN_TIME_LIMITS). A setting that the broker does not have can't
    do harm and is not compared.
    """
    found = {name: value for name, value in config.items() if value is not None}
    compared = tuple(declared)
    if has_sender_time(found) and BROKER_TIME not in declared:
        compared += OWN_TIME_LIMITS
    wrong = [
        Difference(setting, found[setting.name])
        for setting in compared
        if setting.name in found and not setting.is_safe(found[setting.name])
    ]
    if has_sender_time(found) and BROKER_TIME in declared:
        beyond = [
            Difference(limit, found.get(limit.name, _UNLIMITED))
            for limit in SENDER_TIME_LIMITS
            if not limit.is_safe(found.get(limit.name, _UNLIMITED))
        ]
        if not beyond:
            return [each for each in wrong if each.setting != BROKER_TIME]
        wrong += beyond
    return wrong


def choose_changes(differences: Sequence[Difference]) -> list[dict[str, str]]:
    """Return the settings that mend the differences; if there is a choice, the best ones first."""
    changes = {each.setting.name: each.setting.declared for each in differences}
    limits = changes.keys() & {limit.name for limit in SENDER_TIME_LIMITS}
    if not limits or BROKER_TIME.name not in changes:
        return [changes]
    with_broker_time = {name: value for name, value in changes.items() if name not in limits}
    with_sender_time = {name: value for name, value in changes.items() if name != BROKER_TIME.name}
    return [with_broker_time, with_sender_time]
