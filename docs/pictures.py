"""Take the pictures in docs/pictures/ of the console, the API page and `fraud alerts`.

Run: .venv/bin/python -m docs.pictures. It needs Chromium, a Kafka with alerts and `fraud serve`,
found via FRAUD_API_PORT and the other variables. For complete pictures, start a scorer, label an
alert and let a drift window close first.
"""

import os
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from docs.browser import draw_terminal, open_browser

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
    page.set_content(draw_terminal(printed, COLUMNS, "fraud alerts --limit 8"))
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
    with open_browser() as browser:
        for name, size, scheme in (
            ("console", DESKTOP, "light"),
            ("console-dark", DESKTOP, "dark"),
            ("console-phone", PHONE, "light"),
            ("api", DESKTOP, "light"),
            ("alerts", {"width": 1280, "height": 400}, "light"),
        ):
            shoot(browser, name, size, scheme)


if __name__ == "__main__":
    main()
