"""A home's broker, however it runs: its address, its log, and the note kept until it is stopped."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from infra.kafka import BrokerError, Status, ready

_START_TIMEOUT_S = 90


class HomeBroker(ABC):
    """The broker of a `home` at 127.0.0.1:`port`.

    `client`: librdkafka properties that it requires of clients.
    """

    kind: ClassVar[str]

    def __init__(self, home: Path, port: int, client: Mapping[str, str] | None = None) -> None:
        self.port = port
        self._client = client
        self.bootstrap_servers = f"127.0.0.1:{port}"
        self.log = home / "logs" / "kafka.log"
        self._note = self._note_of(home)

    @classmethod
    def find(cls, home: Path) -> Self | None:
        """Return the broker started here and not stopped since; it may have been killed."""
        try:
            return cls(home, json.loads(cls._note_of(home).read_text())["port"])
        except (OSError, ValueError, KeyError):
            return None

    @abstractmethod
    def alive(self) -> bool:
        """Return whether its process or container runs."""

    @abstractmethod
    def start(
        self,
        say: Callable[[str], None],
        count: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> None:
        """Start it unless it runs, and return once it answers. Raises BrokerError.

        `say` receives its steps. `count` receives the bytes downloaded and their total.
        """

    @abstractmethod
    def stop(self) -> bool:
        """Stop it and wait for it to end; return whether it was running. Raises BrokerError."""

    @abstractmethod
    def _locate(self) -> str:
        """Name the running process or container."""

    @abstractmethod
    def _end_of_log(self) -> str:
        """Return its output since its start, or the end of it."""

    def status(self) -> Status:
        """Return whether the broker answers, with a line for people."""
        if not self.alive():
            return self._make_status(False, "not running")
        if not ready.answers(self.bootstrap_servers, properties=self._client):
            return self._make_status(False, f"{self._locate()} runs but does not answer")
        return self._make_status(True, self._locate())

    def _make_status(self, running: bool, detail: str) -> Status:
        return Status(running, self.kind, self.bootstrap_servers, detail)

    @classmethod
    def _note_of(cls, home: Path) -> Path:
        return home / "kafka" / f"{cls.kind}.json"

    def _write_note(self, **more: Any) -> None:
        self._note.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._note.with_suffix(".part")  # half a note would lose the broker
        unfinished.write_text(json.dumps({"port": self.port, **more}))
        unfinished.replace(self._note)

    def _wait(self) -> None:
        """Return once it answers. Raises BrokerError."""
        if not self._wait_until_ready():
            raise self._make_error()

    def _wait_until_ready(self) -> bool:
        """Wait for it to answer; return False if it ends or takes too long."""
        return ready.wait(
            self.bootstrap_servers, _START_TIMEOUT_S, alive=self.alive, properties=self._client
        )

    def _make_error(self) -> BrokerError:
        why = (
            f"did not answer within {_START_TIMEOUT_S} s"
            if self.alive()
            else "ended during startup"
        )
        return BrokerError.after(
            f"Kafka {why} at {self.bootstrap_servers}; see its log, {self.log}", self._end_of_log()
        )
