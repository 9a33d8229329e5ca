"""A browser and drawings of a terminal, for the scripts that take pictures."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.text import Text


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Open the system's Chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        yield browser
        browser.close()


def draw_terminal(text: str, columns: int, title: str) -> str:
    """Return text with colour codes as the SVG of a terminal."""
    with tempfile.TemporaryFile("w") as nowhere:
        screen = Console(
            record=True,
            width=columns,
            file=nowhere,
            force_terminal=True,
            color_system="truecolor",
        )
        screen.print(Text.from_ansi(text), overflow="fold")
        return screen.export_svg(title=title)
