"""Run a command on a terminal."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def run_in_terminal(command, variables, folder, timeout=60):
    """Return everything it writes to stderr until it ends."""
    return _run(command, timeout, "stderr", 80, env=variables, cwd=folder)


def print_in_terminal(command, columns, timeout=60):
    """Return the lines that it prints on a terminal of this width."""
    own = {name: value for name, value in os.environ.items() if name != "COLUMNS"}  # xdist sets it
    drawn = _run(command, timeout, "stdout", columns, env=own | {"TERM": "xterm"})
    return _ESCAPES.sub("", drawn.decode()).splitlines()


def _run(command, timeout, stream, columns, **options):
    reader, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    drawn = b""
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        **({"stdout": subprocess.DEVNULL, stream: terminal} | options),
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
