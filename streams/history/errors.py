"""Errors of the history."""

from streams.kafka.errors import DO_NOT_RESTART, ConsumerError


class HistoryGapError(ConsumerError):
    """The history lacks payments before a partition's next one, or has some that come again."""

    exit_code = DO_NOT_RESTART
