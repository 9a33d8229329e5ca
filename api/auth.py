"""Access control: host names, request rates, origins, the API key and sessions."""

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
from itsdangerous import TimestampSigner
from limits import parse
from starlette.responses import RedirectResponse

from api.errors import refuse, wants_page

RATE = "120000/minute"  # a client that scores 2,000 a second; one core serves no more
SESSION = timedelta(hours=12)  # an analyst's shift
COOKIE = "fraud_session"
LOGIN = "/login"
LOGOUT = "/logout"
PROBES = frozenset({"/health", "/ready", "/metrics"})  # read by load balancers and Prometheus
STYLE = "/console/static/console.css"  # also of the login page
RUNBOOKS = "/runbooks/"  # without secrets, and read in a hurry
OPEN = PROBES | {LOGIN, STYLE}
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

Check = Callable[[Request], Response | None]
"""Returns a refusal of the request, or None."""


@dataclass(frozen=True)
class Access:
    """The access rules of a server.

    `hosts`: accepted names in the Host header. `key`: the API key, None to require none. `rate`:
    the limit of one client, in the notation of `limits`. Raises ValueError for an invalid rate.
    """

    hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
    key: str | None = None
    rate: str = RATE

    def __post_init__(self) -> None:
        parse(self.rate)

    def create_checks(self, clock: Callable[[], datetime]) -> list[Check]:
        """Return the checks that every request must pass, in this order."""
        checks = [check_host(self.hosts), check_rate(self.rate, clock), check_origin]
        if self.key:
            checks.append(check_key(Key(self.key, clock)))
        return checks


LOCAL_ACCESS = Access()
"""Access of a server that only this machine can reach."""


class Key:
    """The API key, and sessions signed with it.

    The server stores no sessions. A new key ends them all.
    """

    def __init__(self, key: str, clock: Callable[[], datetime]) -> None:
        self._key = key.encode()
        self._signer = _Signer(self._key, clock)

    def matches(self, candidate: bytes) -> bool:
        """Return whether this is the key, in constant time."""
        return hmac.compare_digest(candidate, self._key)

    def create_session(self) -> str:
        """Return a cookie value that is accepted instead of the key for SESSION."""
        return self._signer.sign(b"session").decode()

    def accepts(self, session: str) -> bool:
        """Return whether `create_session` made this cookie value less than SESSION ago."""
        # The signer would accept an age of exactly max_age, when the cookie has expired.
        return self._signer.validate(session, int(SESSION.total_seconds()) - 1)


class _Signer(TimestampSigner):
    def __init__(self, key: bytes, clock: Callable[[], datetime]) -> None:
        super().__init__(key, COOKIE, key_derivation="hmac", digest_method=hashlib.sha256)
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock().timestamp())


def check_key(key: Key) -> Check:
    """Require the key in X-API-Key or a session. Redirect a browser without either to the login."""

    def check(request: Request) -> Response | None:
        candidate = request.headers.get("x-api-key", "").encode("latin-1")
        path = request.scope["path"]
        if path in OPEN or path.startswith(RUNBOOKS):
            return None
        if key.matches(candidate) or key.accepts(request.cookies.get(COOKIE, "")):
            return None
        if request.method == "GET" and wants_page(request):
            return RedirectResponse(f"{LOGIN}?next={quote(path)}", 303)
        challenge = {"WWW-Authenticate": "ApiKey"}
        return refuse(request, 401, "the X-API-Key header is missing or wrong", challenge)

    return check


def check_host(hosts: Collection[str]) -> Check:
    """Require a Host header that names this server, against DNS rebinding.

    Starlette's TrustedHostMiddleware does the same but answers in plain text.
    """
    names = {name.lower() for name in hosts}

    def check(request: Request) -> Response | None:
        name = re.sub(r":\d+$", "", request.headers.get("host", ""))
        if name.lower() in names:
            return None
        return refuse(request, 400, "the Host header names another server")

    return check


def check_origin(request: Request) -> Response | None:
    """Refuse unsafe requests that a browser sends from another origin's page (CSRF)."""
    origin = request.headers.get("origin")
    host = request.headers.get("host", "")
    if request.method in _SAFE or origin is None:
        return None
    if origin.lower() in (f"http://{host}".lower(), f"https://{host}".lower()):
        return None
    return refuse(request, 403, "a page of another origin may not send this")


def check_rate(rate: str, clock: Callable[[], datetime]) -> Check:
    """Limit the requests of one address in a fixed window; never refuse a probe.

    Otherwise a busy client behind the same proxy as the probes could take the server down.

    The in-process stores of `limits` start a thread or a task while counting, which stalled all
    requests for 4 ms on a busy machine. A dictionary cleared with each window needs neither.
    """
    limit = parse(rate)
    window = 0
    counts = Counter[str]()

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
        wait_s = ceil((window + 1) * limit.get_expiry() - now)
        return refuse(request, 429, f"more than {rate}", {"Retry-After": str(wait_s)})

    return check
