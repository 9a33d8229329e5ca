"""Docker's engine: does it answer, and has it got an image?"""

import subprocess

PULL_TIMEOUT_S = 30  # somebody waits: whoever cannot pull within this has another way to start Kafka
_ANSWER_TIMEOUT_S = 10


def _succeeds(*command: str, timeout: float) -> bool:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def answers() -> bool:
    """Whether there is an engine that this user may talk to."""
    return _succeeds("docker", "info", timeout=_ANSWER_TIMEOUT_S)


def has(image: str) -> bool:
    """Whether the engine has the image, or could pull it within PULL_TIMEOUT_S."""
    if _succeeds("docker", "image", "inspect", image, timeout=_ANSWER_TIMEOUT_S):
        return True
    return answers() and _succeeds("docker", "pull", "--quiet", image, timeout=PULL_TIMEOUT_S)
