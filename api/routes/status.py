"""Liveness and readiness: GET /health and GET /ready."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel

from api.dependencies import Dependencies, get_dependencies

router = APIRouter(tags=["status"])


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"]


class Readiness(BaseModel):
    """Whether requests can be served: a model is in use, and Kafka answers."""

    status: Literal["ready", "not ready"]
    model_version: str
    kafka: bool


@router.get("/health", summary="Does it run?")
async def health() -> Health:
    """Whether the process runs."""
    return Health(status="ok")


@router.get(
    "/ready",
    summary="Can it work?",
    responses={503: {"model": Readiness, "description": "Kafka does not answer"}},
)
async def ready(
    dependencies: Annotated[Dependencies, Depends(get_dependencies)], response: Response
) -> Readiness:
    """Whether a model is loaded and Kafka answers. `POST /predict` works without Kafka."""
    answers = await dependencies.publisher.answers()
    response.status_code = 200 if answers else 503
    return Readiness(
        status="ready" if answers else "not ready",
        model_version=dependencies.model.version,
        kafka=answers,
    )
