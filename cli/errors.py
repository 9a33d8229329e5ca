"""Exit codes, and the errors that commands report as one line."""

import signal

DONE = 0
FAILED = 1
USAGE = 2  # 3, stopped on purpose, is streams.kafka.errors.DO_NOT_RESTART
INTERRUPTED = 128 + signal.SIGINT  # what a shell reports after Ctrl-C


class CommandError(Exception):
    """An expected failure. Its text says what is wrong and what to do."""

    exit_code = FAILED


class SettingsError(ValueError):
    """An invalid variable. Its text names the variable and what is wrong; the exit code is 2."""
