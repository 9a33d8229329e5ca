"""The application: its routers, one line each, and what stands around them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from api import status
from api.services import Services


def create_app(services: Services) -> FastAPI:
    """The application around its collaborators, which every page finds by `api.services.services_of(request)`.

    A router that has something running beside its requests says so with `APIRouter(lifespan=...)`.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        services.publisher.close()

    app = FastAPI(title="Streaming fraud scorer", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.services = services
    app.include_router(status.router)
    return app
