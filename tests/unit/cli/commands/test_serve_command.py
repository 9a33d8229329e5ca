"""`fraud serve` before it starts."""

from pathlib import Path

from support.ports import hold_port


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
