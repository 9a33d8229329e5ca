"""Apache Kafka on this machine: in a container if Docker has the image, or from its jars."""

from __future__ import annotations  # infra.preflight uses this on any Python 3.8+

from dataclasses import dataclass

VERSION = "4.3.1"
IMAGE = f"apache/kafka:{VERSION}"
SHOWN_LINES = 15


class BrokerError(RuntimeError):
    """Kafka could not be installed, started or stopped. The text says why and what to do."""

    @classmethod
    def after(cls, text: str, output: str) -> BrokerError:
        """Return an error with a program's last lines as a note, which `fraud --debug` shows."""
        error = cls(text)
        error.add_note("\n".join(output.splitlines()[-SHOWN_LINES:]))
        return error


@dataclass(frozen=True)
class Status:
    """The state of a home's broker.

    `running`: it answers. `kind`: container, local, or None if none was started.
    """

    running: bool
    kind: str | None
    bootstrap_servers: str
    detail: str
