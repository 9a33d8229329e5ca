"""`/login`: exchanges the API key for a session cookie that other sites' pages can't send.

`/logout` removes it from the browser.
"""

from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.auth import COOKIE, LOGIN, LOGOUT, SESSION, Key
from api.templating import render


def _show_form(target: str, message: str = "", status: int = 200) -> Response:
    return render("login.html", status, action=LOGIN, next=target, message=message)


def _keep_local(path: str) -> str:
    """Return the path, or "/" if it leads to another server, so that no link abuses the login."""
    is_local = (
        path.startswith("/")
        and not path.startswith("//")
        and "\\" not in path
        and path.isprintable()
    )
    return path if is_local else "/"


def create_login_router(key: Key) -> APIRouter:
    """Return the routes of `/login` and `/logout` for a server that requires `key`."""
    router = APIRouter(include_in_schema=False)

    @router.get(LOGIN)
    async def show_form(next: str = "/") -> Response:  # noqa: A002 - the parameter's usual name
        return _show_form(_keep_local(next))

    @router.post(LOGIN)
    async def log_in(request: Request) -> Response:
        fields = parse_qs((await request.body()).decode(errors="replace"))
        target = _keep_local(fields.get("next", ["/"])[0])
        if not key.matches(fields.get("key", [""])[0].encode(errors="replace")):
            return _show_form(target, "That is not the key.", 401)
        answer = RedirectResponse(target, 303)
        # The scheme as the browser sees it: a proxy may terminate TLS.
        secure = request.headers.get("origin", "").startswith("https://")
        answer.set_cookie(
            COOKIE,
            key.create_session(),
            int(SESSION.total_seconds()),
            httponly=True,
            samesite="strict",
            secure=secure,
        )
        return answer

    @router.post(LOGOUT)
    async def log_out() -> Response:
        answer = RedirectResponse(LOGIN, 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer

    return router
