"""The blocks of commands on a page, as its readers copy them."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def blocks(page: str) -> list[str]:
    """The text of each ```sh block, in its order."""
    return re.findall(r"```sh\n(.+?)\n```", (ROOT / page).read_text(), re.DOTALL)
