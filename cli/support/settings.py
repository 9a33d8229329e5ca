"""The declaration of every variable: its type, default and meaning.

Flags of the same meaning (cli.support.options), docs/configuration.md and .env.example follow from
it. A flag overrides its variable.
"""

import platform
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, ValidationInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from cli.errors import SettingsError
from cli.support import kafka_properties
from infra import demo_ports
from payments.schema.reading import DEFAULT, Schema, read_schema
from streams.kafka.connection import Connection

ROOT = Path(__file__).resolve().parents[2]


def _name_variable(field: str) -> str:
    return f"FRAUD_{field.upper()}"


def _read_port(value: Any, info: ValidationInfo) -> int:
    name = _name_variable(info.field_name or "")
    return demo_ports.read_port({name: str(value)}, name)


Port = Annotated[int, BeforeValidator(_read_port)]


def _declare_port(name: str, meaning: str) -> Any:
    return Field(demo_ports.DEFAULTS[name], description=meaning)


def _declare_variable(default: Any, meaning: str, shown: str, sample: str, **options: Any) -> Any:
    """Return a field. `shown` is the default in words, `sample` a value for .env.example."""
    return Field(
        default,
        description=meaning,
        examples=[sample],
        json_schema_extra={"shown": shown},
        **options,
    )


class Variable(NamedTuple):
    """A variable in words. `sample` is the value that .env.example shows."""

    name: str
    default: str
    meaning: str
    sample: str


class Section(BaseSettings):
    """Variables with a heading, the docstring of the subclass."""

    model_config = SettingsConfigDict(
        alias_generator=_name_variable,
        case_sensitive=True,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    @classmethod
    def describe(cls, setting: str) -> Variable:
        """Return the variable of a setting."""
        field = cls.model_fields[setting]
        extra = field.json_schema_extra
        default = str(extra["shown"] if isinstance(extra, dict) else field.default)
        sample = str((field.examples or [default])[0])
        return Variable(str(field.validation_alias), default, field.description or "", sample)


class KafkaVariables(Section):
    """Kafka"""

    bootstrap_servers: str | None = _declare_variable(
        None,
        "Your own Kafka cluster. Unset: bootstrap.servers in FRAUD_KAFKA_CONFIG, "
        "else 127.0.0.1:FRAUD_KAFKA_PORT.",
        "the local Kafka",
        "broker1:9092,broker2:9092",
    )
    kafka_config: str | None = _declare_variable(
        None,
        "A file of librdkafka properties, such as those for SASL and TLS, one key=value per line.",
        "none",
        "/path/to/client.properties",
    )
    topic_prefix: str = _declare_variable(
        "", "Prefix of every topic, group and transactional id.", "empty", "test."
    )
    kafka_port: Port = _declare_port(
        "FRAUD_KAFKA_PORT", "Port of the local Kafka; its controller uses this port + 3."
    )


class PortVariables(Section):
    """Ports and addresses"""

    api_port: Port = _declare_port("FRAUD_API_PORT", "Port of the API and the console.")
    monitor_port: Port = _declare_port("FRAUD_MONITOR_PORT", "Port of the monitor's metrics.")
    metrics_port: Port = _declare_port(
        "FRAUD_METRICS_PORT",
        "Port of the metrics of scorer worker 0; worker i uses this port + i.",
    )
    metrics_host: str = Field(
        default="127.0.0.1",
        description="Address on which the scorer and the monitor serve metrics. "
        "Containers use 0.0.0.0; Compose decides which ports to publish.",
    )
    scorer_host: str = Field(
        default="127.0.0.1",
        description="Host from which the console fetches the workers' metrics. "
        "A name that resolves to several addresses means all of them.",
    )


class ApiVariables(Section):
    """The API"""

    api_key: str | None = _declare_variable(
        None,
        "Key that clients send as X-API-Key. Required if the API listens beyond 127.0.0.1.",
        "none",
        "a-long-random-text",
        repr=False,
    )


def _own_folder(path: Path) -> Path:
    return path / "streaming-fraud-scorer"


class FileVariables(Section):
    """Files"""

    given_home: Path | None = _declare_variable(
        None,
        "Folder of Kafka's data, logs, models and reports.",
        ".run in the checkout; without one, in XDG_DATA_HOME",
        "/var/lib/fraud",
        validation_alias="FRAUD_HOME",
    )
    data_home: Annotated[Path, AfterValidator(_own_folder)] = Field(
        default_factory=lambda: Path.home() / ".local" / "share",
        validation_alias="XDG_DATA_HOME",
        description="Without a checkout, FRAUD_HOME is streaming-fraud-scorer in this folder.",
        examples=["/path/to/data"],
        json_schema_extra={"shown": "~/.local/share"},
    )
    model_dir: Path | None = _declare_variable(
        None, "Folder of the model to use.", "models/latest in FRAUD_HOME", "/path/to/model"
    )
    data: Path | None = _declare_variable(
        None,
        "A payment file, such as a copy of creditcard.csv.",
        "creditcard.csv, downloaded",
        "/path/to/creditcard.csv",
    )
    schema_name: str = _declare_variable(
        DEFAULT,
        "The schema of the payments: a TOML file, or a built-in one by its name.",
        DEFAULT,
        "/path/to/schema.toml",
        validation_alias="FRAUD_SCHEMA",
    )
    cache: Annotated[Path, AfterValidator(_own_folder)] = Field(
        default_factory=lambda: Path.home() / ".cache",
        validation_alias="XDG_CACHE_HOME",
        description="creditcard.csv is cached here, in streaming-fraud-scorer.",
        examples=["/path/to/cache"],
        json_schema_extra={"shown": "~/.cache"},
    )


class ProcessVariables(Section):
    """Processes"""

    instance: str = _declare_variable(
        platform.node(),
        "Name of this scorer in its transactional ids; must not change across restarts.",
        "the host name",
        "scorer-1",
    )
    debug: Annotated[bool, BeforeValidator(lambda value: value not in (False, "0"))] = (
        _declare_variable(False, "Show the traceback of an error.", "0", "1")
    )


class HistoryVariables(Section):
    """The history"""

    history_key: str | None = _declare_variable(
        None,
        "Key that hides the values of secret entities in the history; at most 64 bytes. Required "
        "for a schema with features of such entities. With another key, the history of before is "
        "not found.",
        "none",
        "another-long-random-text",
        repr=False,
    )


class WatchVariables(Section):
    """`make watch` and containers"""

    # Read by infra.watch and docker-compose.yml, which do not use this module.
    prometheus_port: Port = _declare_port("FRAUD_PROMETHEUS_PORT", "Port of Prometheus.")
    alertmanager_port: Port = _declare_port("FRAUD_ALERTMANAGER_PORT", "Port of Alertmanager.")
    node_exporter_port: Port = _declare_port("FRAUD_NODE_EXPORTER_PORT", "Port of node exporter.")
    grafana_port: Port = _declare_port("FRAUD_GRAFANA_PORT", "Port of Grafana, which needs Docker.")
    alert_webhook: str | None = _declare_variable(
        None,
        "URL to which the Alertmanager of `make watch` posts alerts.",
        "printed",
        "http://127.0.0.1:8002/alerts",
    )
    pip_index_url: str | None = _declare_variable(
        None,
        "Package index for the images, and for the dataset if only an index is reachable.",
        "pip's own",
        "https://index.example/simple",
        validation_alias="PIP_INDEX_URL",
    )
    extra_ca: str | None = _declare_variable(
        None,
        "Another certificate authority for the images to trust, as PEM, "
        "for networks that inspect TLS.",
        "none",
        "-----BEGIN CERTIFICATE-----...",
        validation_alias="EXTRA_CA",
    )


def find_home(root: Path, data_home: Path) -> Path:
    """Return where files are kept: `.run` if `root` is a checkout, else `data_home`."""
    return root / ".run" if (root / "pyproject.toml").is_file() else data_home


SECTIONS: tuple[type[Section], ...] = (
    KafkaVariables,
    PortVariables,
    ApiVariables,
    FileVariables,
    ProcessVariables,
    HistoryVariables,
    WatchVariables,
)


class Settings(
    KafkaVariables,
    PortVariables,
    ApiVariables,
    FileVariables,
    ProcessVariables,
    HistoryVariables,
):
    """The variables that commands read, once, at their start."""

    @classmethod
    def from_environment(cls, **flags: Any) -> "Settings":
        """Read the environment. `flags` override it, except those that are None.

        Raises SettingsError.
        """
        given = {
            cls.describe(setting).name: value
            for setting, value in flags.items()
            if value is not None
        }
        try:
            return cls(**given)
        except ValidationError as error:
            raise SettingsError(str(error.errors()[0]["ctx"]["error"])) from None

    @property
    def home(self) -> Path:
        """FRAUD_HOME: files are never written next to installed code."""
        return (self.given_home or find_home(ROOT, self.data_home)).resolve()

    @property
    def models(self) -> Path:
        """The folder of models; `latest` in it names the one in use."""
        return self.home / "models"

    @property
    def model(self) -> Path:
        """The model in use."""
        return self.model_dir or self.models / "latest"

    @property
    def schema(self) -> Schema:  # type: ignore[override]  # in place of a deprecated method
        """What the payments look like. Raises SchemaError."""
        return read_schema(self.schema_name)

    @property
    def given_servers(self) -> str | None:
        """The addresses of the user's own cluster; None: the local Kafka. Raises SettingsError."""
        if self.bootstrap_servers or not self.kafka_config:
            return self.bootstrap_servers
        return kafka_properties.find_servers(self.kafka_config)

    def make_connection(self) -> Connection:
        """Return how to reach the cluster.

        Raises SettingsError, also if the clients can't be created with FRAUD_KAFKA_CONFIG.
        """
        servers = self.given_servers or f"127.0.0.1:{self.kafka_port}"
        path = self.kafka_config
        properties = kafka_properties.read_properties(path, servers) if path else {}
        return Connection(servers, self.topic_prefix, properties)
