"""Builds the application from its routers, middleware and metrics."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from prometheus_fastapi_instrumentator import Instrumentator, metrics

from api import errors
from api.auth import COOKIE, LOCAL_ACCESS, OPEN, Access, Key
from api.dependencies import Dependencies
from api.middleware import SecurityMiddleware
from api.routes import alerts, console, labels, login, runbooks, site, status
from api.routes.predict import create_predict_router
from api.routes.transactions import create_transactions_router
from payments.contract import CONTRACT_VERSION
from streams.latency_buckets import LATENCY_BUCKETS_S

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def create_app(dependencies: Dependencies, access: Access = LOCAL_ACCESS) -> FastAPI:
    """Create the application. Routes get `dependencies` as a FastAPI dependency.

    A router with background work starts it with `APIRouter(lifespan=...)`.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        dependencies.publisher.close()

    app = FastAPI(
        title="Streaming fraud scorer",
        description=site.DESCRIPTION,
        version=str(CONTRACT_VERSION),
        lifespan=lifespan,
        docs_url=None,  # they load scripts from other sites; api.routes.site serves its own
        redoc_url=None,
        responses=errors.REFUSALS,
    )
    app.state.dependencies = dependencies
    app.state.has_login = bool(access.key)
    errors.add_handlers(app)
    app.include_router(
        create_predict_router(dependencies.model)
    )  # first: routes are matched in order
    app.include_router(site.router)
    app.include_router(runbooks.router)
    app.include_router(status.router)
    app.include_router(create_transactions_router(dependencies))
    app.include_router(alerts.router)
    app.include_router(labels.router)
    app.include_router(console.router)
    console.add_files(app)
    site.add_files(app, dependencies.home)
    if access.key:
        app.include_router(login.create_login_router(Key(access.key, dependencies.clock)))
    app.add_middleware(SecurityMiddleware, checks=access.create_checks(dependencies.clock))
    _measure(app, dependencies.registry)
    if access.key:
        _declare_key(app)  # needs all routes
    return app


def _measure(app: FastAPI, registry: CollectorRegistry) -> None:
    """Add http_requests_total and http_request_duration_seconds by handler, method and status.

    They include refused requests.
    """
    instrumentator = Instrumentator(should_group_status_codes=False, registry=registry)
    instrumentator.add(_limit_methods)  # first: the others use the method it sets
    instrumentator.add(metrics.requests(registry=registry))
    instrumentator.add(metrics.latency(buckets=LATENCY_BUCKETS_S, registry=registry))
    instrumentator.instrument(app).expose(app, include_in_schema=False)


def _limit_methods(info: metrics.Info) -> None:
    """Map unknown methods to one label; a client may send any word, and each would add a series."""
    if info.method not in _METHODS:
        info.method = "other"


def _declare_key(app: FastAPI) -> None:
    """Declare in the OpenAPI schema which operations need the key; the middleware checks it."""
    schema = app.openapi()
    schema["components"]["securitySchemes"] = {
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
    }
    refusal = {
        "description": "Neither the key nor a session",
        "content": {"application/json": {"schema": errors.Refusal.model_json_schema()}},
    }
    for path, operations in schema["paths"].items():
        for operation in operations.values() if path not in OPEN else ():
            operation["security"] = [{"key": []}, {"session": []}]
            operation["responses"]["401"] = refusal
