"""ASGI middleware for every request: checks, the body limit and security headers."""

from collections.abc import Sequence
from http import HTTPStatus

from fastapi import HTTPException, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth import Check
from payments.decoder import MAX_TRANSACTION_BYTES

# A page may run only scripts of this server. A report brings its own scripts, so it is sandboxed:
# it has an opaque origin, without the reader's session. An index of reports is not sandboxed, or
# its links would count as cross-site and be sent without the session; it may run no scripts.
_PAGE = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_REPORT = (
    "sandbox allow-scripts allow-popups; default-src 'none'; "
    "script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; frame-ancestors 'none'"
)
_REPORT_INDEX = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-cache"),
]
REPORTS = "/reports/"
REPORT_INDEX = "index.html"  # as `fraud monitor` names it


class SecurityMiddleware:
    """Runs the checks, limits the body and adds the security headers an answer doesn't have."""

    def __init__(self, app: ASGIApp, checks: Sequence[Check]) -> None:
        self._app = app
        self._checks = checks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        send = _add_headers(send, scope["path"])
        for check in self._checks:
            refusal = check(request)
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self._app(scope, _limit_body(receive), send)


def _limit_body(receive: Receive) -> Receive:
    """Limit any body to the size of a transaction.

    FastAPI's max_body_size does the same but answers in plain text.
    """
    received = 0

    async def receive_counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_TRANSACTION_BYTES:
            raise HTTPException(413, f"the body is larger than {MAX_TRANSACTION_BYTES} bytes")
        return message

    return receive_counted


def _choose_policy(path: str, status: int) -> str:
    if status >= HTTPStatus.BAD_REQUEST or not path.startswith(REPORTS) or path == REPORTS:
        return _PAGE
    return _REPORT_INDEX if path.endswith(f"/{REPORT_INDEX}") else _REPORT


def _add_headers(send: Send, path: str) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            policy = _choose_policy(path, message["status"]).encode()
            headers = [*_HEADERS, (b"content-security-policy", policy)]
            present = {name for name, _ in message["headers"]}
            missing = [header for header in headers if header[0] not in present]
            message["headers"] = [*message["headers"], *missing]
        await send(message)

    return send_with_headers
