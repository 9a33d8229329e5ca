"""`fraud serve` before it starts."""

from pathlib import Path

import pytest
from support.ports import hold_port


@pytest.mark.parametrize("host", ["203.0.113.1", "2001:db8::1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_one_line(home, monkeypatch, run_fraud, host):
    monkeypatch.setenv("FRAUD_API_KEY", "k" * 32)
    error = run_fraud.fail("serve", "--host", host, code=3)
    assert error.startswith(f"fraud: port 8000 of {host} cannot be used (")
    assert error.endswith("; choose another with FRAUD_API_PORT or --host\n")


def test_a_taken_port_is_one_line_with_the_listener(home, monkeypatch, run_fraud):
    with hold_port() as port:
        monkeypatch.setenv("FRAUD_API_PORT", str(port))
        error = run_fraud.fail("serve", code=3)
    assert error.startswith(
        f"fraud: port {port} cannot be used (Address already in use); "
        "choose another with FRAUD_API_PORT; used by "
    )
    own = Path("/proc/self/cmdline").read_text().split("\0")
    assert " ".join(own)[:40] in error
