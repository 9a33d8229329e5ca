"""Bodies that are decoded by `model.records`, not by FastAPI: what the OpenAPI page says of them."""

from typing import Any

from pydantic import BaseModel


def declared_body(declared: type[BaseModel]) -> dict[str, Any]:
    """The `openapi_extra` of an operation whose body is a `declared`."""
    content = {"application/json": {"schema": declared.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}
