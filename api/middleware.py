"""What stands around every page, in plain ASGI: the checks before it, the limit of its body, the security headers after it."""

from collections.abc import Sequence

from fastapi import HTTPException, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth import Check
from payments.records import MAX_TRANSACTION_BYTES

# A page runs scripts of this server only. Reports bring their own scripts along, so they run as nobody: without the reader's session.
# What they are listed on has none and may run none. It is no sandbox, or its links would come from another site: without the session.
_PAGE = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
_REPORT = (
    "sandbox allow-scripts allow-popups; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; frame-ancestors 'none'"
)
_LISTING = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_POLICY = b"content-security-policy"
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-cache"),
]
REPORTS = "/reports/"


class RequestMiddleware:
    """Answers what a check refuses; adds the headers that are not there yet."""

    def __init__(self, app: ASGIApp, checks: Sequence[Check]) -> None:
        self._app = app
        self._checks = checks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request, send = Request(scope), _with_headers(send, scope["path"])
        for check in self._checks:
            refusal = check(request)
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self._app(scope, _limited(receive), send)


def _limited(receive: Receive) -> Receive:
    """No body is larger than a transaction. FastAPI's max_body_size does the same, and answers in plain text."""
    taken = 0

    async def counting() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MAX_TRANSACTION_BYTES:
            raise HTTPException(413, f"the body is larger than {MAX_TRANSACTION_BYTES} bytes")
        return message

    return counting


def _policy(path: str) -> str:
    if not path.startswith(REPORTS) or path == REPORTS:
        return _PAGE
    return _LISTING if path.endswith("/index.html") else _REPORT


def _with_headers(send: Send, path: str) -> Send:
    policy = _policy(path).encode()

    async def adding(message: Message) -> None:
        if message["type"] == "http.response.start":
            there = {name for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *(header for header in (*_HEADERS, (_POLICY, policy)) if header[0] not in there),
            ]
        await send(message)

    return adding
