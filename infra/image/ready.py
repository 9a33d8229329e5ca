"""Exit with 0 if the process on a port is ready: `python -m infra.image.ready 9101`.

The images have no curl.
"""

import sys
from http.client import HTTPConnection, HTTPException

_TIMEOUT_S = 3


def is_ready(port: int, path: str = "/ready") -> bool:
    """Return whether the path answers 200."""
    connection = HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(not is_ready(int(sys.argv[1])))
