"""A command whose stderr is a terminal."""

import os
import pty
import subprocess


def run_in_terminal(command, variables, folder, timeout=60):
    """What it draws on stderr until it ends."""
    ours, theirs = pty.openpty()
    drawn = b""
    with subprocess.Popen(
        command,
        env=variables,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        try:
            while chunk := _read(ours):
                drawn += chunk
            process.wait(timeout)
        finally:
            process.kill()
            os.close(ours)
    return drawn


def _read(descriptor):
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # Linux says so when the other end is closed
        return b""
