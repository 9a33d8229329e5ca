"""Docker: does its engine answer, has it got an image, and how is compose called?"""

from __future__ import annotations  # infra.preflight uses this on any Python 3.8+

import hashlib
import subprocess
from pathlib import Path

PULL_TIMEOUT_S = (
    30  # somebody waits: whoever cannot pull within this has another way to start Kafka
)
_ANSWER_TIMEOUT_S = 10


def _succeeds(*command: str, timeout: float) -> bool:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def answers() -> bool:
    """Whether there is an engine that this user may talk to."""
    return _succeeds("docker", "info", timeout=_ANSWER_TIMEOUT_S)


def has_image(image: str) -> bool:
    """Whether the engine has the image already."""
    return _succeeds("docker", "image", "inspect", image, timeout=_ANSWER_TIMEOUT_S)


def obtain_image(image: str) -> bool:
    """Whether the engine has the image, or could pull it within PULL_TIMEOUT_S."""
    return has_image(image) or (answers() and pull_image(image))


def pull_image(image: str) -> bool:
    """Whether the image came within PULL_TIMEOUT_S."""
    return _succeeds("docker", "pull", "--quiet", image, timeout=PULL_TIMEOUT_S)


def project_name(folder: Path) -> str:
    """A name for what belongs to one folder, so that two checkouts do not clash."""
    return f"fraud-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]}"


def compose_command() -> tuple[str, ...] | None:
    """How compose is called here: as Docker's plugin, or as the program of its own that Debian has."""
    for command in (("docker", "compose"), ("docker-compose",)):
        if _succeeds(*command, "version", timeout=_ANSWER_TIMEOUT_S):
            return command
    return None
