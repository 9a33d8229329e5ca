"""Whether files can be written below FRAUD_HOME."""

import tempfile
from pathlib import Path


def probe_writing(folder: Path, size: int) -> None:
    """Write `size` bytes to a folder and remove them. Raises OSError with the folder's name."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(size))
            probe.flush()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from None
