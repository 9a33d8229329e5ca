"""Members of nested JSON objects by their path, as in ["card", "id"]."""

from collections.abc import Sequence
from typing import Any


def get_member(document: Any, path: Sequence[str]) -> Any:
    """Return a member; None if it or an object on its path is missing."""
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def open_object(document: dict[str, Any], path: Sequence[str]) -> dict[str, Any]:
    """Return the object at a path; make those that are missing."""
    for name in path:
        document = document.setdefault(name, {})
    return document
