"""Bodies that are decoded by `payments.records`, not by FastAPI: what the OpenAPI page says of them."""

from typing import Any

from pydantic import BaseModel

from payments.contract import COMPONENTS

EXAMPLE = dict.fromkeys(COMPONENTS, 0.0) | {"Amount": 12.5}
"""The inputs of an ordinary payment: each component is 0 on average (a PCA)."""


def describe_body(declared: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    """The `openapi_extra` of an operation whose body is a `declared`."""
    content = {"application/json": {"schema": declared.model_json_schema(), "example": example}}
    return {"requestBody": {"required": True, "content": content}}
