"""OpenAPI descriptions of bodies that `payments.records` decodes instead of FastAPI."""

from typing import Any

from pydantic import BaseModel

from payments.contract import COMPONENTS

EXAMPLE = dict.fromkeys(COMPONENTS, 0.0) | {"Amount": 12.5}
"""The inputs of an ordinary payment. The components are those of a PCA, so their means are 0."""


def describe_body(model: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    """Return the `openapi_extra` of an operation whose body is a `model`."""
    content = {"application/json": {"schema": model.model_json_schema(), "example": example}}
    return {"requestBody": {"required": True, "content": content}}
