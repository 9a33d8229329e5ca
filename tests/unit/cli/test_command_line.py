"""Every command obeys Ctrl-C at any moment and prints one-line errors, without a traceback."""

import errno
import signal
import socket
import subprocess
import sys
from importlib.metadata import version

import pytest
from support.commands import run
from support.data import creditcard_files as creditcard
from support.ports import find_free_port

from cli.errors import CommandError
from cli.support import broker
from streams.kafka.topics import MAX_SCORED_BYTES

CTRL_C_AT_AN_IMPORT = """
import signal, sys
module = sys.argv[1]

class CtrlC:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, CtrlC())
from cli.main import main
sys.argv[1:] = ["--help"]
main()
"""


@pytest.fixture
def fraud(monkeypatch, run_fraud):
    """Runs a command; returns its exit code, what it printed, and its errors."""
    monkeypatch.setenv("FRAUD_DEBUG", "")
    return run_fraud


@pytest.mark.parametrize(
    "module", ["cli.app", "typer.main", "cli.commands.ledger", "cli.commands.train"]
)
def test_ctrl_c_during_the_imports_prints_nothing(module):
    done = run([sys.executable, "-c", CTRL_C_AT_AN_IMPORT, module])
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_help_imports_no_library_that_only_the_work_needs():
    loaded = (
        "import sys; from cli.main import main; sys.argv = ['fraud', '--help']\n"
        "try: main()\nfinally: print(*sys.modules)"
    )
    done = run([sys.executable, "-c", loaded], check=True)
    heavy = {"numba", "numpy", "pandas", "xgboost", "evidently", "rich.markdown"}
    assert heavy.isdisjoint(done.stdout.splitlines()[-1].split())


def test_a_background_job_survives_ctrl_c():
    ignoring = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)" + CTRL_C_AT_AN_IMPORT
    done = run([sys.executable, "-c", ignoring, "cli.app"])
    assert done.returncode == 0
    assert "replay" in done.stdout


@pytest.fixture
def surprise(monkeypatch, tmp_path):
    """An unexpected error in `fraud data`."""
    (tmp_path / "rows.csv").touch()
    monkeypatch.setenv("FRAUD_DATA", str(tmp_path / "rows.csv"))

    def verify(_):
        raise RuntimeError("a disk\nwithout a bottom")

    monkeypatch.setattr("producer.dataset.verify", verify)


def test_an_unexpected_error_is_one_line(surprise, fraud):
    assert fraud("data") == (
        1,
        "",
        "fraud: RuntimeError: a disk without a bottom; `fraud --debug` shows the traceback\n",
    )


def test_an_expected_error_is_one_line_and_debug_shows_the_programs_output(
    surprise, fraud, monkeypatch
):
    def verify(_):
        error = CommandError("the scorer ended\n  see its log\n")
        error.add_note("disk full\nsorry")
        raise error

    monkeypatch.setattr("producer.dataset.verify", verify)
    assert fraud("data") == (1, "", "fraud: the scorer ended; see its log\n")
    assert (
        "\ndisk full\nsorry\nfraud: the scorer ended; see its log\n" in fraud("--debug", "data")[2]
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            PermissionError(errno.EACCES, "Permission denied", "/home/of/fraud/models"),
            "/home/of/fraud/models: Permission denied; change its permissions, "
            "or set FRAUD_HOME to another folder",
        ),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "/home/of/fraud"),
            "/home/of/fraud: No such file or directory; create it, or set FRAUD_HOME to another "
            "folder",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "/elsewhere"),
            "/elsewhere: Permission denied; change its permissions",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "No space left on device: free some space in /home/of/fraud (FRAUD_HOME) "
            "or the temporary folder (TMPDIR)",
        ),
    ],
)
def test_a_file_that_cannot_be_written_is_one_line_with_advice(
    surprise, fraud, monkeypatch, error, said
):
    def verify(_):
        raise error

    monkeypatch.setenv("FRAUD_HOME", "/home/of/fraud")
    monkeypatch.setattr("producer.dataset.verify", verify)
    assert fraud("data") == (1, "", f"fraud: {said}\n")


def test_debug_shows_the_trace_by_option_and_by_variable(surprise, fraud, monkeypatch):
    by_option = fraud("--debug", "data")
    monkeypatch.setenv("FRAUD_DEBUG", "1")
    by_variable = fraud("data")
    for code, _, errors in (by_option, by_variable):
        assert code == 1
        assert errors.startswith("Traceback")
        assert 'raise RuntimeError("a disk' in errors


def test_ctrl_c_that_a_client_library_turns_into_an_error_is_ctrl_c(surprise, fraud, monkeypatch):
    def verify(_):
        raise SystemError("returned a result with an exception set") from KeyboardInterrupt()

    monkeypatch.setattr("producer.dataset.verify", verify)
    assert fraud("data") == (130, "", "")


def test_an_invalid_setting_is_a_usage_error(fraud, monkeypatch):
    monkeypatch.setenv("FRAUD_KAFKA_PORT", "ninety")
    assert fraud("topics") == (2, "", "fraud: FRAUD_KAFKA_PORT=ninety is not a port, 1 to 65535\n")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("nope", "No such command 'nope'; see `fraud --help`"),
        ("kafka nope", "No such command 'nope'; see `fraud kafka --help`"),
        (
            "alerts --limits 3",
            "No such option: --limits (Possible options: --limit); see `fraud alerts --help`",
        ),
        ("alerts --limit", "Option '--limit' requires an argument"),
        (
            "replay --rate -1",
            "Invalid value for '--rate': '-1' is not a rate: try 2000, or 0 for as fast as "
            "possible; see `fraud replay --help`",
        ),
        ("dlq show", "Missing argument 'PARTITION:OFFSET'; see `fraud dlq show --help`"),
        (
            "explain",
            "Invalid value: give either the transaction_id of an alert, or --row; "
            "see `fraud explain --help`",
        ),
    ],
)
def test_invalid_usage_is_one_line_with_advice(fraud, typed, said):
    assert fraud(*typed.split()) == (2, "", f"fraud: {said}\n")


def test_without_a_command_only_the_help_is_printed(fraud):
    code, printed, errors = fraud("kafka")
    assert (code, errors) == (2, "")
    assert "Usage: fraud kafka" in printed


def test_the_version_is_the_projects(fraud):
    assert fraud("--version") == (0, f"fraud {version('streaming-fraud-scorer')}\n", "")


@pytest.mark.timeout(25)  # a client by itself waits 10 to 30 s
@pytest.mark.parametrize("command", ["alerts", "topics", "replay"])
def test_no_broker_is_said_soon(fraud, monkeypatch, tmp_path, command):
    monkeypatch.setenv(
        "FRAUD_DATA", str(creditcard.write(tmp_path / "rows.csv", [creditcard.row(0)]))
    )
    servers = f"127.0.0.1:{find_free_port()}"
    monkeypatch.setenv("FRAUD_BOOTSTRAP_SERVERS", servers)
    monkeypatch.setattr(broker, "_ANSWER_S", 0.2)
    assert fraud.fail(command).startswith(f"fraud: no broker answers at {servers}")


def test_ctrl_c_is_taken_while_no_broker_answers(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        monkeypatch.setenv("FRAUD_BOOTSTRAP_SERVERS", f"127.0.0.1:{silent.getsockname()[1]}")
        command = [sys.executable, "-m", "cli.main", "alerts"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            connected, _ = silent.accept()
            with connected:
                process.send_signal(signal.SIGINT)
                try:
                    printed = process.communicate(
                        timeout=4
                    )  # before the command gives up by itself
                finally:
                    process.kill()
    assert (process.returncode, *printed) == (130, "", "")


def test_a_transaction_too_large_for_its_outputs_is_never_allowed_and_the_limit_is_named(
    fraud, monkeypatch
):
    monkeypatch.setattr("cli.commands.score.Supervisor", None)  # if allowed, it would never end
    error = fraud.fail("score", "--max-bytes", MAX_SCORED_BYTES + 1, code=2)
    assert str(MAX_SCORED_BYTES) in error
