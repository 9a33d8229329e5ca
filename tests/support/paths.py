"""Folders that tests read or share."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
JARS = ROOT / ".run" / "kafka" / "jars"  # shared with `fraud kafka start`: downloaded once
