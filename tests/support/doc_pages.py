"""Shell commands on a documentation page, as its readers copy them."""

import re

from support.paths import ROOT


def read_shell_blocks(page: str) -> list[str]:
    """Return the text of each ```sh block, in order."""
    return re.findall(r"```sh\n(.+?)\n```", (ROOT / page).read_text(), re.DOTALL)
