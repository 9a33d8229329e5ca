"""Settings of the `fraud` command from the environment. A flag, where a command has one, comes before.

No other module of the command reads FRAUD_* variables; infra.preflight and infra.watch, which run without it, read theirs themselves.
"""

import os
import platform
from dataclasses import dataclass, field
from pathlib import Path

from cli.errors import SettingsError
from infra import demo_ports
from streams.kafka.connection import Connection

ROOT = Path(__file__).resolve().parents[2]
DEBUG = "FRAUD_DEBUG"


def debugging() -> bool:
    """Whether an error shows its trace."""
    return os.environ.get(DEBUG, "") not in ("", "0")


def _port(name: str) -> int:
    try:
        return demo_ports.read_port(os.environ, name)
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _properties(path: str) -> dict[str, str]:
    """A librdkafka properties file: `key=value` lines, # for comments. An error never shows a line: it may hold a password."""
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"FRAUD_KAFKA_CONFIG={path} cannot be read: {getattr(error, 'strerror', 'it is not UTF-8')}"
        ) from None
    found = {}
    for number, line in enumerate(map(str.strip, lines), 1):
        if line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            if not equals:
                raise SettingsError(f"FRAUD_KAFKA_CONFIG={path}: line {number} is not key=value")
            found[key.strip()] = value.strip()
    return found


@dataclass(frozen=True)
class Settings:
    """Everything that comes from outside, read once at the start of a command."""

    home: Path
    cache: Path
    bootstrap_servers: str | None
    kafka_port: int
    kafka_config: str | None
    topic_prefix: str
    monitor_port: int
    metrics_port: int
    metrics_host: str
    scorer_host: str
    api_port: int
    api_key: str | None = field(repr=False)
    data: Path | None
    model_dir: Path | None
    instance: str

    @classmethod
    def from_environment(cls) -> "Settings":
        """Reads FRAUD_*. Raises SettingsError."""
        get = os.environ.get
        home = Path(get("FRAUD_HOME") or ROOT / ".run").resolve()
        return cls(
            home=home,
            cache=Path(get("XDG_CACHE_HOME") or Path.home() / ".cache") / "streaming-fraud-scorer",
            bootstrap_servers=get("FRAUD_BOOTSTRAP_SERVERS") or None,
            kafka_port=_port("FRAUD_KAFKA_PORT"),
            kafka_config=get("FRAUD_KAFKA_CONFIG") or None,
            topic_prefix=get("FRAUD_TOPIC_PREFIX", ""),
            monitor_port=_port("FRAUD_MONITOR_PORT"),
            metrics_port=_port("FRAUD_METRICS_PORT"),
            metrics_host=get("FRAUD_METRICS_HOST") or "127.0.0.1",
            scorer_host=get("FRAUD_SCORER_HOST") or "127.0.0.1",
            api_port=_port("FRAUD_API_PORT"),
            api_key=get("FRAUD_API_KEY") or None,
            data=Path(get("FRAUD_DATA", "")) if get("FRAUD_DATA") else None,
            model_dir=Path(get("FRAUD_MODEL_DIR", "")) if get("FRAUD_MODEL_DIR") else None,
            instance=get("FRAUD_INSTANCE") or platform.node(),
        )

    @property
    def models(self) -> Path:
        """Where artefacts lie; `latest` in it names the one in use."""
        return self.home / "models"

    @property
    def model(self) -> Path:
        """The artefact in use."""
        return self.model_dir or self.models / "latest"

    def connection(self) -> Connection:
        """The cluster: FRAUD_BOOTSTRAP_SERVERS, else the local broker; how to get in: FRAUD_KAFKA_CONFIG. Raises SettingsError."""
        return Connection(
            bootstrap_servers=self.bootstrap_servers or f"127.0.0.1:{self.kafka_port}",
            topic_prefix=self.topic_prefix,
            properties=_properties(self.kafka_config) if self.kafka_config else {},
        )
