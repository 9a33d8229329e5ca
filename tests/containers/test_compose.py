"""The whole system in containers: `make test-compose`. It needs a Docker engine, and takes minutes.

The commands are those of docs/containers.md, word for word. Records and requests go through the
published ports, as a user's would. Grafana is included if its image is available.
"""

import json
import os
import re
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
import yaml
from support.commands import run
from support.data.transactions import make_transaction
from support.doc_pages import read_shell_blocks
from support.paths import ROOT
from support.ports import find_free_port
from support.programs import require_program
from support.publishing import send
from support.topic_reader import read_json
from support.waiting import wait_for

from infra.kafka import engine
from streams.kafka import topics
from streams.kafka.connection import Connection

pytestmark = pytest.mark.timeout(2400)  # the first build downloads 400 MB

(
    UP,
    REPLAY,
    SCALE,
    KEY,
    PASSWORD,
    NEW_KEY,
    DIGESTS,
    BACKUP,
    RESTORE,
    COPY,
    TRAIN,
    REBUILD,
    BUILD,
) = read_shell_blocks("docs/containers.md")
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
PORTS = ("KAFKA", "API", "MONITOR", "PROMETHEUS", "ALERTMANAGER", "NODE_EXPORTER", "GRAFANA")
OURS = ("scorer", "monitor", "api")
PUBLISHED = 100
REPLAYED = 20_000
WINDOW = 5_000
SCORERS = 4
START_S = 300  # four scorers on two cores
SCORER_BYTES = 1_200_000_000  # 190 MB are numba with its compiler


@dataclass(frozen=True)
class Stack:
    """A running Compose project with free ports."""

    project: str
    ports: dict[str, int]
    folder: Path

    @property
    def services(self):
        """The services whose images are available."""
        started = [name for name in SERVICES if "profiles" not in SERVICES[name]]
        return [name for name in started if name != "grafana" or self.has_grafana]

    @property
    def has_grafana(self):
        return engine.obtain_image(SERVICES["grafana"]["image"])

    @property
    def connection(self):
        return Connection(f"127.0.0.1:{self.ports['KAFKA']}", topic_prefix="", properties={})

    def compose(self, *arguments):
        """Run a command of Docker Compose and return its output."""
        return self._run(
            require_program("docker-compose"),
            "-p",
            self.project,
            "-f",
            str(ROOT / "docker-compose.yml"),
            *arguments,
        )

    def type(self, block):
        """Run a block of the page in `folder`, without a terminal and with `up` detached.

        Returns its output.
        """
        file = ROOT / "docker-compose.yml"
        compose = f"{require_program('docker-compose')} -p {self.project} -f {file}"
        script = f"""docker() {{
          [ "$1" = compose ] || {{ command docker "$@"; return; }}
          local word=$2; shift 2
          case $word in
            run | exec) [ "$1" = -T ] && shift; {compose} $word -T "$@" ;;
            up) [ "$1" = -d ] && shift; {compose} up -d "$@" {" ".join(self.services)} ;;
            *) {compose} $word "$@" ;;
          esac
        }}
        set -e
        """
        return self._run("bash", "-c", script + block)

    def _run(self, *command):
        """Run a command whose only FRAUD_* variables are the ports."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("FRAUD_")
        }
        own = {f"FRAUD_{name}_PORT": str(port) for name, port in self.ports.items()}
        done = run(
            command,
            cwd=self.folder,
            env=inherited | own,
            stdin=subprocess.DEVNULL,
            timeout=None,
        )
        assert done.returncode == 0 and "Usage:" not in done.stdout, (
            f"{command[-1]}: {done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        )
        return done.stdout

    def get(self, port, path, body=None, **headers):
        """Request a path; return status and text."""
        data = None if body is None else json.dumps(body).encode()
        sent = Request(
            f"http://127.0.0.1:{self.ports[port]}{path}",
            data,
            {"Content-Type": "application/json"} | headers,
        )
        try:
            with urlopen(sent, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()

    def query(self, query):
        """Return the result of a Prometheus query; None if it has no data yet."""
        _, text = self.get("PROMETHEUS", f"/api/v1/query?{urlencode({'query': query})}")
        result = json.loads(text)["data"]["result"]
        return float(result[0]["value"][1]) if result else None

    def healthy(self):
        """Return whether every health check passes."""
        checked = [name for name in self.services if "healthcheck" in SERVICES[name]]
        containers = self.compose("ps", "-q", *checked).split()
        health = ["docker", "inspect", "-f", "{{.State.Health.Status}}"]
        shown = run([*health, *containers], check=True)
        return set(shown.stdout.split()) == {"healthy"}


@pytest.fixture(scope="module")
def stack(creditcard, tmp_path_factory):
    if not engine.answers():
        pytest.skip("no Docker engine answers")
    folder = tmp_path_factory.mktemp("compose")
    shutil.copy(creditcard, folder / "creditcard.csv")
    (folder / "company-ca.pem").write_text(os.environ.get("EXTRA_CA", "") + "\n")
    stack = Stack(
        f"fraud-test-{secrets.token_hex(4)}", {name: find_free_port() for name in PORTS}, folder
    )
    try:
        stack.type(BUILD)
        stack.type(COPY)  # the dataset, so that init need not download it
        stack.type(UP)
        stack.type(SCALE)
        wait_for(stack.healthy, START_S, "scorers, monitor and API healthy")
        yield stack
    finally:
        (folder / "log").write_text(stack.compose("ps") + stack.compose("logs", "--no-color"))
        stack.compose("down", "--volumes", "--remove-orphans")


def read_key(stack):
    return stack.type(KEY)


def read_model(stack):
    return stack.compose("exec", "-T", "api", "readlink", "/var/lib/fraud/models/latest")


def predict(stack, **headers):
    payment = {
        name: value for name, value in make_transaction(1).items() if name.startswith(("V", "A"))
    }
    return stack.get("API", "/predict", payment, **headers)


def test_published_transactions_are_scored_and_monitored(stack):
    send(stack.connection, range(PUBLISHED))
    assert f"{REPLAYED:,} sent, {REPLAYED:,} confirmed" in stack.type(REPLAY)

    predictions = read_json(stack.connection, topics.PREDICTIONS, PUBLISHED + REPLAYED)
    scored = [prediction["transaction_id"] for prediction in predictions]
    assert len(scored) == len(set(scored)) == PUBLISHED + REPLAYED
    assert {f"t-{i}" for i in range(PUBLISHED)} < set(scored)

    def window_sizes():
        events = read_json(stack.connection, topics.DRIFT_EVENTS, 1)
        return sorted(event["events"] for event in events if event["kind"] == "window")

    # the smaller window closes after 10 s without records
    expected = [PUBLISHED, *[WINDOW] * (REPLAYED // WINDOW)]
    wait_for(lambda: window_sizes() == expected, 120, "drift windows")
    counted = re.search(
        r"^fraud_drift_windows_total (\S+)", stack.get("MONITOR", "/metrics")[1], re.MULTILINE
    )
    assert counted and float(counted[1]) == len(expected)


def test_prometheus_finds_every_process_and_every_scorer_shares_the_work(stack):
    for job, count in {"scorer": SCORERS, "monitor": 1, "api": 1, "node": 1}.items():
        wait_for(
            lambda job=job, count=count: stack.query(f'sum(up{{job="{job}"}})') == count,
            60,
            f"{count} of {job} up",
        )
    everything = "sum(fraud_transactions_total)"
    wait_for(
        lambda: stack.query(everything) == PUBLISHED + REPLAYED, 60, "all transactions counted"
    )
    assert stack.query("count(sum by (instance) (fraud_transactions_total) > 0)") == SCORERS
    wait_for(
        lambda: "/api/v2/alerts" in stack.get("PROMETHEUS", "/api/v1/alertmanagers")[1],
        60,
        "Alertmanager found",
    )
    assert stack.get("ALERTMANAGER", "/-/ready")[0] == 200


def test_the_link_of_an_alert_opens(stack):
    _, text = stack.get("PROMETHEUS", "/api/v1/status/config")
    console = yaml.safe_load(json.loads(text)["data"]["yaml"])["global"]["external_labels"]
    port = stack.ports["API"]
    assert console["console"] in (f"http://127.0.0.1:{port}", "http://127.0.0.1:${FRAUD_API_PORT}")
    assert stack.get("API", "/runbooks/drift-detected.md")[0] == 200


def test_the_api_requires_the_key_that_init_made(stack):
    assert predict(stack)[0] == 401
    status, answer = predict(stack, **{"X-API-Key": read_key(stack)})
    assert (status, json.loads(answer).keys() >= {"probability", "decision"}) == (200, True)


def test_the_console_includes_all_scorers(stack):
    credentials = {"X-API-Key": read_key(stack)}

    def workers():
        points = json.loads(stack.get("API", "/console/vitals", **credentials)[1])["points"]
        return points[-1]["workers"] if points else 0

    wait_for(lambda: workers() == SCORERS, 60, "figures of all scorers")


def test_the_key_can_be_replaced_as_the_page_says(stack):
    before = read_key(stack)
    stack.type(NEW_KEY)
    wait_for(stack.healthy, START_S, "the API answers again")
    statuses = [stack.get("API", "/", **{"X-API-Key": one})[0] for one in (before, read_key(stack))]
    assert statuses == [401, 200]


def test_init_keeps_the_key_and_the_model(stack):
    before = read_key(stack), read_model(stack)
    stack.compose("run", "--rm", "-T", "init")
    assert (read_key(stack), read_model(stack)) == before


def test_another_model_can_be_trained_and_used_as_the_page_says(stack):
    before = read_model(stack)
    stack.type(TRAIN)
    wait_for(stack.healthy, START_S, "scorers, monitor and API healthy again")
    assert read_model(stack) != before
    assert (
        json.loads(predict(stack, **{"X-API-Key": read_key(stack)})[1])["model_version"]
        == read_model(stack).strip()
    )


def test_models_can_be_backed_up_and_restored_as_the_page_says(stack):
    before = read_model(stack)
    stack.type(BACKUP)
    run = ("run", "--rm", "-T", "--no-deps", "init")
    stack.compose(*run, "touch", "/var/lib/fraud/models/later")
    stack.type(RESTORE)
    assert read_model(stack) == before
    shown = stack.compose(*run, "sh", "-c", "ls models; echo; ls restored.*/before").split("\n\n")
    assert ["later" in names for names in shown] == [False, True]
    stack.compose(*run, "rm", "-r", "/var/lib/fraud/models")
    stack.type(RESTORE)
    assert read_model(stack) == before
    stack.compose("restart", "scorer")
    wait_for(stack.healthy, START_S, "scorers healthy with the restored model")


def test_a_new_build_can_be_started_as_the_page_says(stack):
    stack.type(REBUILD)
    wait_for(stack.healthy, START_S, "scorer, monitor and API healthy again")


def test_grafana_requires_the_password_that_init_made(stack):
    if not stack.has_grafana:
        pytest.skip("Grafana's image is not available")
    wait_for(lambda: stack.get("GRAFANA", "/api/health")[0] == 200, START_S, "Grafana")
    assert stack.get("GRAFANA", "/api/search")[0] == 401
    assert len(stack.type(PASSWORD).strip()) >= 16


def test_the_images_are_listed_with_their_digests(stack):
    assert "apache/kafka:4.3.1" in stack.type(DIGESTS)


def test_every_container_is_limited(stack):
    shape = "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}"
    containers = stack.compose("ps", "-q").split()
    shown = subprocess.run(
        ["docker", "inspect", "-f", shape, *containers], capture_output=True, text=True, check=True
    )
    limits = [tuple(map(int, line.split())) for line in shown.stdout.splitlines()]
    assert len(limits) == len(containers) > len(OURS)
    assert all(memory > 0 < processes for memory, processes in limits)


@pytest.mark.parametrize("service", OURS)
def test_containers_run_without_privileges(stack, service):
    assert stack.compose("exec", "-T", service, "id", "-u") == "10001\n"
    attempt = "touch /opt/fraud/new 2>&1 || true"
    assert "Read-only file system" in stack.compose("exec", "-T", service, "sh", "-c", attempt)


def test_the_scorer_image_is_small_and_only_the_monitor_has_evidently(stack):
    image = "streaming-fraud-scorer:0.1.0"
    size = run(["docker", "image", "inspect", "-f", "{{.Size}}", image], check=True)
    assert int(size.stdout) < SCORER_BYTES
    found = {
        service: stack.compose(
            "exec",
            "-T",
            service,
            "python",
            "-c",
            "import importlib.util as u; print(u.find_spec('evidently') is not None)",
        ).strip()
        for service in OURS
    }
    assert found == {"scorer": "False", "api": "False", "monitor": "True"}
