"""Record docs/pictures/recording.png, the moving picture at the top of README.

Run: .venv/bin/python -m docs.recording, with Chromium and Pillow, while a demo is up. It sends an
alert and judges it in the console, replays payments that drift, and runs the ledger. Each frame
shows the commands that were run, with their output, and the console.
"""

import os
import subprocess
import sys
from base64 import b64encode
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, expect

from docs.browser import draw_terminal, open_browser
from infra import demo_ports

PICTURE = Path(__file__).parent / "pictures" / "recording.png"
_BIN = Path(sys.executable).parent
_CONSOLE: ViewportSize = {"width": 1080, "height": 760}
_FRAME: ViewportSize = {"width": 1320, "height": 560}
_COLUMNS = 68  # of the terminal
_LINES = 26
_COLORS = 128  # of a frame, which keeps the file small
_FRAME_MS = 2600
_LAST_FRAME_MS = 5000
_TIMEOUT_MS = 90_000
_PAGE = """<!doctype html><meta charset=utf-8><style>
body {{ margin: 0; background: #20242c; font: 600 20px system-ui, sans-serif; color: #fff; }}
h1 {{ font-size: 22px; margin: 12px 16px; }}
main {{ display: flex; gap: 12px; padding: 0 12px; align-items: start; }}
main > * {{ height: 488px; border-radius: 6px; overflow: hidden; }}
.terminal {{ width: 600px; background: #0c0f14; }} .terminal svg {{ width: 100%; }}
</style><h1>{caption}</h1><main><div class="terminal">{terminal}</div>
<img src="data:image/png;base64,{console}"></main>"""


class Recorder:
    """Takes frames of a terminal next to the console at a URL."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.console = browser.new_page(viewport=_CONSOLE, color_scheme="light")
        self.console.set_default_timeout(_TIMEOUT_MS)
        self.console.goto(f"{url}/console")
        self._composed: Page = browser.new_page(viewport=_FRAME)
        self._lines: list[str] = []
        self._frames: list[Image.Image] = []

    def run(self, shown: str, *command: str) -> None:
        """Run a command and show it with its output. Raises CalledProcessError."""
        self._lines.append(f"\x1b[1;32m$\x1b[0m {shown}")
        output = subprocess.run(
            [_BIN / command[0], *command[1:]],
            env=os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(_COLUMNS)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
        ).stdout
        self._lines += output.rstrip().replace("\r", "\n").splitlines()

    def take(self, caption: str) -> None:
        """Add a frame."""
        console = b64encode(self.console.screenshot()).decode()
        shown = self._lines[-_LINES:]
        padded = shown + [""] * (_LINES - len(shown))
        terminal = draw_terminal("\n".join(padded), _COLUMNS, "fraud")
        self._composed.set_content(
            _PAGE.format(caption=caption, terminal=terminal, console=console)
        )
        frame = Image.open(BytesIO(self._composed.screenshot()))
        self._frames.append(frame.convert("RGB").quantize(_COLORS, dither=Image.Dither.NONE))

    def write(self, path: Path) -> None:
        """Write the frames as an animated PNG that repeats."""
        durations = [_FRAME_MS] * (len(self._frames) - 1) + [_LAST_FRAME_MS]
        self._frames[0].save(
            path,
            save_all=True,
            append_images=self._frames[1:],
            duration=durations,
            loop=0,
            optimize=True,
        )


def record(recorder: Recorder) -> None:
    """Play the story."""
    console = recorder.console
    console.get_by_label("Analyst").fill("Ana")
    expect(console.locator("#rate")).not_to_have_text("\N{EN DASH}", timeout=_TIMEOUT_MS)
    waiting = console.locator("#count-open").inner_text()
    recorder.take("A payment arrives on the topic transactions ...")
    recorder.run("python examples/publish.py", "python", "examples/publish.py")
    expect(console.locator("#count-open")).not_to_have_text(waiting, timeout=_TIMEOUT_MS)
    recorder.take("... and milliseconds later it is an alert")
    console.get_by_role("option").filter(has_text="129.90").first.click()
    recorder.take("The reasons add up to the score")
    console.keyboard.press("f")
    expect(console.locator("#message")).not_to_be_empty(timeout=_TIMEOUT_MS)
    recorder.take("The analyst's label is a record on the topic labels")
    options = "--from 227845 --limit 20000 --rate 4000 --disturb shift:V4@10000:2"
    recorder.run(f"fraud replay {options}", "fraud", "replay", *options.split(), "--quiet")
    expect(console.locator("#drift")).to_have_text("drift", timeout=_TIMEOUT_MS)
    recorder.take("The monitor sees when the payments drift")
    recorder.run("fraud ledger", "fraud", "ledger", "--quiet")
    recorder.take("The ledger proves that nothing was lost or scored twice")


def main() -> None:
    """Record the story in a running demo, and write it."""
    url = f"http://127.0.0.1:{demo_ports.read_port(os.environ, 'FRAUD_API_PORT')}"
    with open_browser() as browser:
        recorder = Recorder(browser, url)
        record(recorder)
        recorder.write(PICTURE)


if __name__ == "__main__":
    main()
