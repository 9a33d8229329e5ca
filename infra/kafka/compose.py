"""Kafka in a container, from docker-compose.yml. Stopping it removes the container and its data."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from infra import commands
from infra.kafka import SHOWN_LINES, BrokerError, engine, ports
from infra.kafka.home import HomeBroker

FILE = Path(__file__).resolve().parents[2] / "docker-compose.yml"
_COMMAND_TIMEOUT_S = 120


def _run(*command: str, **environment: str) -> str:
    try:
        done = commands.run(*command, timeout=_COMMAND_TIMEOUT_S, env=os.environ | environment)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BrokerError(f"{command[0]}: {error}") from None
    if done.returncode:
        last = done.stdout.strip().rpartition("\n")[2]
        raise BrokerError.after(f"`{' '.join(command)}` failed: {last}", done.stdout)
    return done.stdout.strip()


class ContainerBroker(HomeBroker):
    """The container of a `home`, in a compose project named after it."""

    kind = "container"

    def __init__(self, home: Path, port: int) -> None:
        super().__init__(home, port)
        self._project = engine.name_project(home)

    def alive(self) -> bool:
        """Return whether the container runs."""
        return bool(self._find_container("status=running"))

    def _locate(self) -> str:
        return f"container {self._find_container()} of project {self._project}"

    def _end_of_log(self) -> str:
        return _run("docker", "logs", "--tail", str(SHOWN_LINES), self._find_container())

    def start(
        self,
        say: Callable[[str], None],
        count: Callable[[int, int], None] = lambda _done, _total: None,  # noqa: ARG002 - the image is there
    ) -> None:
        """Start it unless it runs, and return once it answers. Raises BrokerError."""
        if self.alive():
            self._wait()
            return
        ports.refuse_taken(self.port)
        say("starting Kafka in a container")
        try:
            self._remove()  # what a killed one left
            self._write_note()
            self._run_compose("up", "-d", "kafka")
            self._wait()
        except BaseException:  # Ctrl-C too: the container must not stay
            self.stop()
            raise

    def stop(self) -> bool:
        """Save the log and remove the container and its data; return whether it was running."""
        running = self.alive()
        if container := self._find_container():
            self.log.parent.mkdir(parents=True, exist_ok=True)
            self.log.write_text(_run("docker", "logs", container) + "\n")
        self._remove()
        self._note.unlink(missing_ok=True)
        return running

    def _remove(self) -> None:
        self._run_compose("down", "--volumes")  # the project holds nothing else

    def _find_container(self, *conditions: str) -> str:
        """Return the container's id, or "" if there is none."""
        wanted = (
            f"label=com.docker.compose.project={self._project}",
            "label=com.docker.compose.service=kafka",
            *conditions,
        )
        return _run(
            "docker",
            "ps",
            "--all",
            "--quiet",
            *(part for condition in wanted for part in ("--filter", condition)),
        )

    def _run_compose(self, *arguments: str) -> None:
        command = engine.find_compose_command()
        if command is None:
            raise BrokerError(
                "neither `docker compose` nor docker-compose was found; "
                "Kafka in a container needs one of them"
            )
        _run(
            *command,
            "-p",
            self._project,
            "-f",
            str(FILE),
            *arguments,
            FRAUD_KAFKA_PORT=str(self.port),
        )
