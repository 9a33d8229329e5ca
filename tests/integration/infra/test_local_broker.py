"""Kafka from its jars, as `fraud kafka start` runs it if there is no Docker."""

import json
import socket

import psutil
import pytest
from support.paths import JARS
from support.ports import find_free_port

from infra.kafka import BrokerError, ports
from infra.kafka.launcher import LocalBroker


def _say(_):
    pass


def test_a_process_that_has_reused_the_pid_is_not_stopped(tmp_path):
    stranger = psutil.Process()
    note = tmp_path / "kafka" / "local.json"
    note.parent.mkdir()
    note.write_text(
        json.dumps(
            {"pid": stranger.pid, "created": stranger.create_time() - 1, "port": find_free_port()}
        )
    )
    recorded = LocalBroker.find(tmp_path)
    assert recorded is not None
    assert not recorded.status().running
    assert not recorded.stop()  # otherwise, this test run would have ended


def test_the_error_names_a_taken_port_and_its_variable(tmp_path, monkeypatch):
    monkeypatch.setattr(ports, "_LEAVING_S", 0)
    port = find_free_port(following=3)
    for taken in (port, port + 3):
        with (
            socket.create_server(("127.0.0.1", taken)),
            pytest.raises(BrokerError, match=rf"port {taken} .*FRAUD_KAFKA_PORT") as refused,
        ):
            LocalBroker(tmp_path, port, JARS).start(_say)
        assert "\n" not in str(refused.value)


def test_a_failed_start_names_the_log_and_quotes_its_end(tmp_path):
    broker = LocalBroker(tmp_path, find_free_port(following=3), JARS)
    data = tmp_path / "kafka" / "data"
    data.mkdir(parents=True)
    (data / "meta.properties").write_text("version=1\ncluster.id=another\nnode.id=7\n")
    with pytest.raises(BrokerError, match="ended during startup") as failed:
        broker.start(_say)
    assert str(failed.value).endswith(f"see its log, {broker.log}")
    assert "\n" not in str(failed.value)
    assert "node" in failed.value.__notes__[0]
    assert not broker.status().running


def test_any_path_holds_the_data_in_any_locale(tmp_path, monkeypatch):
    monkeypatch.setenv("LC_ALL", "C")
    home = tmp_path / "my home, a:b żółw"
    broker = LocalBroker(home, find_free_port(following=3), JARS)
    try:
        broker.start(_say)
        assert broker.status().running
    finally:
        broker.stop()
    assert list(tmp_path.iterdir()) == [home]
    assert (home / "kafka" / "data" / "meta.properties").is_file()
