"""Docker: whether its engine answers, which images it has, and how to call compose."""

from __future__ import annotations  # infra.preflight uses this on any Python 3.8+

import hashlib
from pathlib import Path

from infra.commands import succeeds

PULL_TIMEOUT_S = 30  # someone is waiting, and there is another way to start Kafka
_ANSWER_TIMEOUT_S = 10


def answers() -> bool:
    """Return whether an engine answers this user."""
    return succeeds("docker", "info", timeout=_ANSWER_TIMEOUT_S)


def has_image(image: str) -> bool:
    """Return whether the engine has the image."""
    return succeeds("docker", "image", "inspect", image, timeout=_ANSWER_TIMEOUT_S)


def obtain_image(image: str) -> bool:
    """Return whether the engine has the image, pulling it if needed, within PULL_TIMEOUT_S."""
    return has_image(image) or (answers() and pull_image(image))


def pull_image(image: str) -> bool:
    """Pull the image; return whether that succeeded within PULL_TIMEOUT_S."""
    return succeeds("docker", "pull", "--quiet", image, timeout=PULL_TIMEOUT_S)


def name_project(folder: Path) -> str:
    """Return a name for a folder's containers, so that two checkouts don't clash."""
    return f"fraud-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]}"


def find_compose_command() -> tuple[str, ...] | None:
    """Return the command for compose, Docker's plugin or docker-compose, or None."""
    for command in (("docker", "compose"), ("docker-compose",)):
        if succeeds(*command, "version", timeout=_ANSWER_TIMEOUT_S):
            return command
    return None
