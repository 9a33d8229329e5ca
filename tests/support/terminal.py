"""Run a command whose stderr is a terminal."""

import os
import pty
import subprocess


def run_in_terminal(command, variables, folder, timeout=60):
    """Return everything it writes to stderr until it ends."""
    reader, terminal = pty.openpty()
    drawn = b""
    with subprocess.Popen(
        command,
        env=variables,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=terminal,
    ) as process:
        os.close(terminal)
        try:
            while chunk := _read(reader):
                drawn += chunk
            process.wait(timeout)
        finally:
            process.kill()
            os.close(reader)
    return drawn


def _read(descriptor):
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # Linux's way to say that the other end is closed
        return b""
