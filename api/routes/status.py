"""`GET /health` and `GET /ready`: liveness and readiness."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from api.dependencies import FromApp

router = APIRouter(tags=["status"])


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"]


class Readiness(BaseModel):
    """Whether the server can serve requests: a model is loaded and Kafka answers."""

    status: Literal["ready", "not ready"]
    model_version: str
    kafka: bool


@router.get("/health", summary="Does it run?")
async def health() -> Health:
    """Confirm that the process runs."""
    return Health(status="ok")


@router.get(
    "/ready",
    summary="Can it work?",
    responses={503: {"model": Readiness, "description": "Kafka does not answer"}},
)
async def ready(dependencies: FromApp, response: Response) -> Readiness:
    """Report whether a model is loaded and Kafka answers. `POST /predict` needs no Kafka."""
    answers = await dependencies.publisher.answers()
    response.status_code = 200 if answers else 503
    return Readiness(
        status="ready" if answers else "not ready",
        model_version=dependencies.model.version,
        kafka=answers,
    )
