"""The login of a person: the key once, then a cookie that a page of another site cannot send along."""

import html
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.auth import COOKIE, LOGIN, SESSION, Key

_FORM = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Login</title>
<h1>Login</h1>
<p role="alert">{message}</p>
<form method="post" action="{action}">
<input type="hidden" name="next" value="{next}">
<p><label>API key <input type="password" name="key" autocomplete="current-password" autofocus required></label></p>
<p><button>Log in</button></p>
</form>
</html>
"""


def _form(then: str, message: str = "", status: int = 200) -> Response:
    return HTMLResponse(_FORM.format(action=LOGIN, next=html.escape(then), message=message), status)


def _own(path: str) -> str:
    """The path if it is one of this server, else the first page: a link must not lead elsewhere through the login."""
    own = (
        path.startswith("/")
        and not path.startswith("//")
        and "\\" not in path
        and path.isprintable()
    )
    return path if own else "/"


def login_router(key: Key) -> APIRouter:
    """`/login`, for a server that asks for `key`."""
    router = APIRouter(include_in_schema=False)

    @router.get(LOGIN)
    async def form(next: str = "/") -> Response:  # noqa: A002 - the parameter's usual name
        return _form(_own(next))

    @router.post(LOGIN)
    async def login(request: Request) -> Response:
        fields = parse_qs((await request.body()).decode(errors="replace"))
        then = _own(fields.get("next", ["/"])[0])
        if not key.fits(fields.get("key", [""])[0].encode(errors="replace")):
            return _form(then, "That is not the key.", 401)
        answer = RedirectResponse(then, 303)
        secure = request.headers.get("origin", "").startswith(
            "https://"
        )  # as the browser sees it: TLS ends at a proxy
        answer.set_cookie(
            COOKIE,
            key.session(),
            int(SESSION.total_seconds()),
            httponly=True,
            samesite="strict",
            secure=secure,
        )
        return answer

    return router
