"""A real Apache Kafka on this machine: in a container where Docker's engine answers, else started from its jars."""

from __future__ import annotations  # infra.preflight uses this on any Python 3.8+

from dataclasses import dataclass

VERSION = "4.3.1"
IMAGE = f"apache/kafka:{VERSION}"
SHOWN_LINES = 15


class BrokerError(RuntimeError):
    """Kafka could not be had, started or stopped; the text says on one line why and what to do."""

    @classmethod
    def after(cls, text: str, output: str) -> BrokerError:
        """With a note of the last lines that a program said, which `fraud --debug` shows with the trace."""
        error = cls(text)
        error.add_note("\n".join(output.splitlines()[-SHOWN_LINES:]))
        return error


@dataclass(frozen=True)
class Status:
    """What is known of the broker of one home. `running`: it answers. `kind`: container or local; None when none was started."""

    running: bool
    kind: str | None
    bootstrap_servers: str
    detail: str
