"""Which process listens on a port of this machine."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from cli.errors import CommandError
from streams.kafka.errors import DO_NOT_RESTART

if TYPE_CHECKING:
    from streams.status_server import PortTakenError

_CHILD_OF = " < "
_SHOWN = 80  # characters of a command line


class PortError(CommandError):
    """A command cannot listen on its port: a person has to stop a program or choose another."""

    exit_code = DO_NOT_RESTART


def find_listener(home: Path, number: int) -> str | None:
    """Return the command lines of the port's listener and its parents, or None if it is free.

    The parents identify workers, which are children of `fraud score`. A container's listener is
    Docker's, so the Kafka started for this home is looked up.
    """
    from infra.kafka import broker, ports

    if not ports.is_taken(number):
        return None
    started = broker.find(home)
    if started and started.port == number and started.alive():
        return "kafka.Kafka"
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if (
                connection.status == psutil.CONN_LISTEN
                and connection.pid
                and connection.laddr
                and connection.laddr.port == number
            ):
                process = psutil.Process(connection.pid)
                return _CHILD_OF.join(
                    " ".join(each.cmdline()) for each in (process, *process.parents()[:2])
                )
    return ""


def shorten(command: str) -> str:
    """Return the command lines, each cut."""
    return _CHILD_OF.join(each[:_SHOWN] for each in command.split(_CHILD_OF))


def explain_taken(error: "PortTakenError", home: Path) -> PortError:
    """Return the error that also names the port's listener, if this user may see it."""
    command = find_listener(home, error.port)
    process = shorten((command or "").partition(_CHILD_OF)[0])
    return PortError(f"{error}; used by {process}" if process else str(error))
