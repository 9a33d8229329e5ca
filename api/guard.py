"""What stands around every page, in plain ASGI: the checks before it, the limit of its body, the security headers after it."""

from collections.abc import Sequence

from fastapi import HTTPException, Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access import Check
from api.errors import refused
from model.records import MAX_TRANSACTION_BYTES

# A page runs scripts of this server only. Reports bring their own scripts along, so they run as nobody: without the reader's session.
_PAGE = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
_REPORT = (
    "sandbox allow-scripts allow-popups; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; frame-ancestors 'none'"
)
_POLICY = b"content-security-policy"
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-cache"),
]
REPORTS = "/reports/"
_TOO_LARGE = f"more than {MAX_TRANSACTION_BYTES} bytes"


class Guard:
    """Answers what a check refuses; lets no more of a body in than a transaction may have; adds the headers that are not there yet."""

    def __init__(self, app: ASGIApp, checks: Sequence[Check]) -> None:
        self._app = app
        self._checks = (*checks, _size_check)

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


def _size_check(request: Request) -> Response | None:
    length = request.headers.get("content-length", "0")
    return refused(413, _TOO_LARGE) if not length.isdecimal() or int(length) > MAX_TRANSACTION_BYTES else None


def _limited(receive: Receive) -> Receive:
    """A body may also come in pieces that nobody has counted beforehand."""
    received = 0

    async def counting() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_TRANSACTION_BYTES:
            raise HTTPException(413, _TOO_LARGE)
        return message

    return counting


def _with_headers(send: Send, path: str) -> Send:
    policy = (_REPORT if path.startswith(REPORTS) and path != REPORTS else _PAGE).encode()

    async def adding(message: Message) -> None:
        if message["type"] == "http.response.start":
            there = {name for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *(header for header in (*_HEADERS, (_POLICY, policy)) if header[0] not in there),
            ]
        await send(message)

    return adding
