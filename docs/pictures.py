"""Take the pictures in docs/pictures/ of the console, the API page and `fraud alerts`.

Run: python docs/pictures.py. It needs Chromium, a Kafka with alerts and `fraud serve`, found via
FRAUD_API_PORT and the other variables. For complete pictures, start a scorer, label an alert and
let a drift window close first.
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
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
COLUMNS = 132  # the width of `fraud alerts` in a file


def open_console(page: Page) -> None:
    """Open an alert in the console as a named analyst; wait for the figures."""
    page.goto(f"{URL}/console")
    page.get_by_label("Analyst").fill("Ana")
    page.get_by_role("option").nth(1).click()
    expect(page.locator("#rate")).not_to_have_text("\N{EN DASH}", timeout=30_000)


def open_api_page(page: Page) -> None:
    """Open the API page; wait for its operations."""
    page.goto(f"{URL}/docs")
    expect(page.locator(".opblock").first).to_be_visible(timeout=30_000)


def show_alerts(page: Page) -> None:
    """Show the coloured output of `fraud alerts`."""
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
    """Write docs/pictures/`name`.png, using the function for the first part of the name."""
    page = browser.new_page(viewport=size, color_scheme=scheme)
    subject = name.partition("-")[0]
    {"console": open_console, "api": open_api_page, "alerts": show_alerts}[subject](page)
    page.screenshot(path=FOLDER / f"{name}.png", full_page=name == "alerts")
    page.close()


def main() -> None:
    """Take all pictures."""
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for name, size, scheme in (
            ("console", DESKTOP, "light"),
            ("console-dark", DESKTOP, "dark"),
            ("console-phone", PHONE, "light"),
            ("api", DESKTOP, "light"),
            ("alerts", {"width": 1280, "height": 400}, "light"),
        ):
            shoot(browser, name, size, scheme)
        browser.close()


if __name__ == "__main__":
    main()
