"""Files that others may read at any time."""

from pathlib import Path


def write_atomically(path: Path, text: str) -> None:
    """Replace the file with UTF-8 text in one step, creating its folder if needed. Raises OSError.

    A reader sees the old content or the new, never part of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
