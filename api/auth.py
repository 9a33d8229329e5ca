"""Who may ask: the key, the session that a person gets for it, the origin of a page, and how often."""

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from urllib.parse import quote

from fastapi import Request, Response
from limits import parse
from starlette.responses import RedirectResponse

from api.errors import refused

RATE = "120000/minute"  # a client that scores at 2,000 a second; one core does not serve more
SESSION = timedelta(hours=12)  # a shift of an analyst
COOKIE = "fraud_session"
LOGIN = "/login"
PROBES = frozenset({"/health", "/ready", "/metrics"})  # what a load balancer and Prometheus read
OPEN = PROBES | {LOGIN}
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

Check = Callable[[Request], Response | None]
"""The refusal of a request, or None."""


@dataclass(frozen=True)
class Access:
    """`hosts`: names in the Host header that are answered; `key`: None asks for none; `rate`: of a client, as `limits` writes it.

    Raises ValueError for a rate that cannot be read.
    """

    hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
    key: str | None = None
    rate: str = RATE

    def __post_init__(self) -> None:
        parse(self.rate)

    def checks(self, clock: Callable[[], datetime]) -> list[Check]:
        """What every request has to pass, in this order."""
        keyed = [key_check(Key(self.key, clock))] if self.key else []
        return [host_check(self.hosts), rate_check(self.rate, clock), origin_check, *keyed]


LOCALLY = Access()
"""For a server that only this machine reaches."""


class Key:
    """The API key, and the sessions that are signed with it: nothing is kept, and a new key ends them all."""

    def __init__(self, key: str, clock: Callable[[], datetime]) -> None:
        self._key = key.encode()
        self._clock = clock

    def fits(self, given: bytes) -> bool:
        """Whether this is the key; takes as long for a wrong one."""
        return hmac.compare_digest(given, self._key)

    def session(self) -> str:
        """The value of a cookie that stands for the key until it expires."""
        return self._signed(str(int((self._clock() + SESSION).timestamp())))

    def admits(self, session: str) -> bool:
        """Whether a cookie was made by `session`, and has not expired."""
        expires = session.partition(".")[0]
        if not hmac.compare_digest(session.encode(), self._signed(expires).encode()):
            return False
        return int(expires) > self._clock().timestamp()

    def _signed(self, expires: str) -> str:
        return f"{expires}.{hmac.new(self._key, expires.encode(), hashlib.sha256).hexdigest()}"


def key_check(key: Key) -> Check:
    """The key in X-API-Key, or a session; a browser without either is shown the login."""

    def check(request: Request) -> Response | None:
        given = request.headers.get("x-api-key", "").encode("latin-1")
        path = request.scope["path"]
        if path in OPEN or key.fits(given) or key.admits(request.cookies.get(COOKIE, "")):
            return None
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            return RedirectResponse(f"{LOGIN}?next={quote(path)}", 303)
        return refused(
            401, "the X-API-Key header is missing or wrong", {"WWW-Authenticate": "ApiKey"}
        )

    return check


def host_check(hosts: Collection[str]) -> Check:
    """A name that resolves to this machine, but is none of ours, is another site's (DNS rebinding).

    Starlette's TrustedHostMiddleware does the same, and answers in plain text.
    """
    names = {name.lower() for name in hosts}

    def check(request: Request) -> Response | None:
        name = re.sub(r":\d+$", "", request.headers.get("host", ""))
        return (
            None if name.lower() in names else refused(400, "the Host header names another server")
        )

    return check


def origin_check(request: Request) -> Response | None:
    """A browser says which page sends a request that changes something: only our own may (CSRF)."""
    origin, host = request.headers.get("origin"), request.headers.get("host", "")
    if (
        request.method in _SAFE
        or origin is None
        or origin.lower() in (f"http://{host}".lower(), f"https://{host}".lower())
    ):
        return None
    return refused(403, "a page of another origin may not send this")


def rate_check(rate: str, clock: Callable[[], datetime]) -> Check:
    """So many requests of one address in a fixed window. A probe is never refused, or a busy client behind the same proxy took us down.

    The stores that `limits` has for one process start a thread or a task as they count: 4 ms in which nobody is answered, on a busy
    machine. A dictionary that is emptied with the window needs neither.
    """
    limit = parse(rate)
    window, counts = 0, Counter[str]()

    def check(request: Request) -> Response | None:
        nonlocal window
        if request.scope["path"] in PROBES:
            return None
        now = clock().timestamp()
        current = int(now // limit.get_expiry())
        if current != window:
            window = current
            counts.clear()
        client = request.client.host if request.client else ""
        counts[client] += 1
        if counts[client] <= limit.amount:
            return None
        return refused(
            429,
            f"more than {rate}",
            {"Retry-After": str(ceil((window + 1) * limit.get_expiry() - now))},
        )

    return check
