"""A drift verdict in words."""


def in_words(detected: bool | None, score: float) -> str:
    """The same for a closed window and for a report. No column is over its threshold where the tail of the scores alone has drifted."""
    if not detected:
        return "no drift"
    return "DRIFT" if score else "DRIFT in the tail of the scores"
