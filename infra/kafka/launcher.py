"""Kafka from its jars, as a Java process that is found again by its pid.

Java runs in the broker's folder and gets only paths relative to it. A path of its own would need
escapes that differ by place: a comma separates `log.dirs`, a colon the class path, and properties
are Latin-1.
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from time import monotonic, sleep

import psutil

from infra import commands
from infra.kafka import BrokerError, jars, ports
from infra.kafka.home import HomeBroker
from infra.kafka.jars import java_environment
from infra.processes import end_trees

_HERE = Path(__file__).parent
_BROKER = "server.properties"
_LOGGING = "log4j2.properties"
_HEAP = "-Xmx768m"
_STOP_TIMEOUT_S = 30
# Nothing is logged for a registration that had expired before: then wait this long.
_EXPIRY_S = 15.0
_POLL_S = 0.05
# The controller logs that it fenced a broker, and writes that 25 ms later
# (controller.quorum.append.linger.ms). If it is stopped in between, the fencing is lost, and the
# broker is refused for a minute and gives up.
_WRITTEN_S = 1.0


@dataclass(frozen=True)
class Security:
    """Authentication for a broker.

    `server`: lines appended to server.properties, overriding earlier ones. `credentials`: SCRAM
    users to create at the first start, in StorageTool's format. `client`: librdkafka properties of
    one user.
    """

    server: str
    credentials: tuple[str, ...]
    client: Mapping[str, str]


class LocalBroker(HomeBroker):
    """The broker of a `home`: jars and data in `home/kafka`, the log in `home/logs/kafka.log`.

    `jars_folder` shares the jars of another home. Without `security`, everyone on this machine has
    full access.
    """

    kind = "local"

    def __init__(
        self,
        home: Path,
        port: int,
        jars_folder: Path | None = None,
        security: Security | None = None,
    ) -> None:
        super().__init__(home, port, security.client if security else None)
        self._security = security
        self._controller_port = ports.derive_controller_port(port)
        self._folder = home / "kafka"
        self._data = self._folder / "data"
        self._jars = jars_folder or self._folder / "jars"
        self._log_from = 0

    def alive(self) -> bool:
        """Return whether its process runs."""
        return self.find_process() is not None

    def find_process(self) -> psutil.Process | None:
        """Return the running broker.

        The creation time rules out a later process with the same pid.
        """
        try:
            noted = json.loads(self._note.read_text())
            process = psutil.Process(noted["pid"])
            ours = (
                process.create_time() == noted["created"]
                and process.status() != psutil.STATUS_ZOMBIE
            )
        except (OSError, ValueError, KeyError, psutil.Error):
            return None
        return process if ours else None

    def _locate(self) -> str:
        process = self.find_process()
        return f"process {process.pid}" if process else "no process"

    def _end_of_log(self) -> str:
        return self._log_since().decode(errors="replace")

    def _log_since(self) -> bytes:
        return self.log.read_bytes()[self._log_from :]

    def start(
        self,
        say: Callable[[str], None],
        count: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> None:
        """Start it unless it runs, and return once it answers. Raises BrokerError."""
        if self.alive() and self._wait_until_ready():
            return
        if self.alive():  # if not, it was ending: start another
            raise self._make_error()
        ports.refuse_taken(self.port)
        ports.refuse_taken(self._controller_port, "Kafka's controller, FRAUD_KAFKA_PORT + 3")
        jars.check_java()
        jars.fetch(self._jars, say, count)
        self._format()
        try:
            if (self._data / "__cluster_metadata-0").exists():
                say("waiting for the last Kafka's registration to expire")
                self._expire_registration()
            say("starting Kafka")
            self._run(_BROKER)
            self._wait()
        except BaseException:  # Ctrl-C too: the broker, in another session, would stay
            self.stop()
            raise

    def stop(self) -> bool:
        """Stop the broker and wait for it to end; return whether it was running. Keeps its data."""
        process = self.find_process()
        if process:
            end_trees([process.pid], _STOP_TIMEOUT_S)
        self._note.unlink(missing_ok=True)
        return process is not None

    def _expire_registration(self) -> None:
        """Run only the controller until it notices that its broker is gone.

        A broker that restarts too soon is still registered. Kafka 4.3 then loads its transactions
        as their leader, loses leadership when the old registration expires, and drops the markers
        of transactions being committed ("Couldn't find leader endpoint ... can be skipped"): their
        records, and the group's offsets, stay undecided forever.
        """
        self._run("controller.properties")
        deadline = monotonic() + _EXPIRY_S
        while (
            b"Fencing broker" not in self._log_since() and self.alive() and monotonic() < deadline
        ):
            sleep(_POLL_S)
        sleep(_WRITTEN_S)
        self.stop()

    def _run(self, properties: str) -> None:
        settings = self._write_settings(self._folder / properties, self._data)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._log_from = log.tell()
            process = psutil.Popen(
                self._make_java_command("kafka.Kafka", settings),
                cwd=self._folder,
                env=java_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._write_note(pid=process.pid, created=process.create_time())

    def _format(self) -> None:
        """Format the data folder, once. It is renamed into place when it is complete."""
        if self._data.exists():
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="data.") as part:
            made = Path(part) / "data"
            # with the option's name in one argument, because an id may begin with a dash
            cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            settings = self._write_settings(Path(part) / _BROKER, made)
            users = self._security.credentials if self._security else ()
            done = commands.run(
                *self._make_java_command("kafka.tools.StorageTool", "format"),
                f"--cluster-id={cluster}",
                "-c",
                settings,
                *(f"--add-scram={user}" for user in users),
                cwd=self._folder,
                env=java_environment(),
            )
            if done.returncode:
                raise BrokerError.after(
                    f"Kafka could not format its data folder {self._data}; "
                    "`fraud --debug` shows why",
                    done.stdout,
                )
            made.rename(self._data)

    def _make_java_command(self, main: str, *arguments: str) -> list[str]:
        shutil.copy(_HERE / _LOGGING, self._folder)
        logging = f"-Dlog4j2.configurationFile={_LOGGING}"
        return ["java", _HEAP, logging, "-cp", f"{self._relative(self._jars)}/*", main, *arguments]

    def _write_settings(self, path: Path, data: Path) -> str:
        """Write the settings that `path` is named after, and return where Java finds them."""
        text = Template((_HERE / path.name).read_text(encoding="utf-8")).substitute(
            port=self.port, controller_port=self._controller_port, data=self._relative(data)
        )
        if self._security and path.name == _BROKER:
            text += self._security.server
        path.write_text(text, encoding="utf-8")
        return self._relative(path)

    def _relative(self, path: Path) -> str:
        return os.path.relpath(path, self._folder)
