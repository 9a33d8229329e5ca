"""Takes the pictures in docs/pictures/ from a running system: the console, the API's page, and what `fraud alerts` prints.

Wanted: `fraud serve` and Kafka with alerts on it, as FRAUD_API_PORT and the other variables say, and Chromium. A judged alert, a scorer
at work and a closed drift window make them complete. Run: python docs/pictures.py
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright
from rich.console import Console
from rich.text import Text

FOLDER = Path(__file__).parent / "pictures"
URL = f"http://127.0.0.1:{os.environ.get('FRAUD_API_PORT') or 8000}"
DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
COLUMNS = 132  # of a table of `fraud alerts` that goes to a file


def console(page: Page) -> None:
    """The queue, with one alert opened by an analyst whose name is known, once the figures are there."""
    page.goto(f"{URL}/console")
    page.get_by_label("Analyst").fill("Ana")
    page.get_by_role("option").nth(1).click()
    expect(page.locator("#rate")).not_to_have_text("\N{EN DASH}", timeout=30_000)


def documentation(page: Page) -> None:
    """The API's page with its operations."""
    page.goto(f"{URL}/docs")
    expect(page.locator(".opblock").first).to_be_visible(timeout=30_000)


def terminal(page: Page) -> None:
    """What `fraud alerts` prints, in its colours."""
    command = [sys.executable, "-m", "cli.main", "alerts", "--limit", "8"]
    printed = subprocess.run(
        command, env=os.environ | {"FORCE_COLOR": "1"}, capture_output=True, text=True, check=True
    ).stdout
    with tempfile.TemporaryFile("w") as nowhere:
        screen = Console(
            record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="truecolor"
        )
        screen.print(Text.from_ansi(printed))
        page.set_content(screen.export_svg(title="fraud alerts --limit 8"))
    page.locator("svg").first.wait_for()


def shoot(browser: Browser, name: str, size: dict[str, int], scheme: str) -> None:
    """Writes docs/pictures/`name`.png: what the function of that name's first part brings to the page."""
    page = browser.new_page(viewport=size, color_scheme=scheme)
    {"console": console, "api": documentation, "alerts": terminal}[name.partition("-")[0]](page)
    page.screenshot(path=FOLDER / f"{name}.png", full_page=name == "alerts")
    page.close()


def main() -> None:
    """All pictures."""
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for name, size, scheme in (
            ("console", DESK, "light"),
            ("console-dark", DESK, "dark"),
            ("console-phone", PHONE, "light"),
            ("api", DESK, "light"),
            ("alerts", {"width": 1280, "height": 400}, "light"),
        ):
            shoot(browser, name, size, scheme)
        browser.close()


if __name__ == "__main__":
    main()
