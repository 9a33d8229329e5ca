"""The blocks of commands on a page, as its readers copy them."""

import re

from support.paths import ROOT


def read_shell_blocks(page: str) -> list[str]:
    """The text of each ```sh block, in its order."""
    return re.findall(r"```sh\n(.+?)\n```", (ROOT / page).read_text(), re.DOTALL)
