"""The OpenAPI document of `/api/v1/`, generated from its operations and the types of their documents."""

import functools
import re
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from catalog_server.web import documents
from catalog_server.web.described import DescribedBlueprint, Operation

__all__ = ["openapi"]

Schema = dict[str, Any]

REFERENCE = "#/components/schemas/{model}"
PARAMETER = re.compile(r"<(int|string):(\w+)>")

WORDS = {
    400: "The request cannot be read.",
    401: "There is no valid token.",
    403: "The token's role may not do this.",
    404: "There is no such thing.",
    409: "It conflicts with the store's content, or somebody changed it in the meantime.",
    413: "The body is too large.",
    415: "The body is of another kind than expected.",
    422: "A field or a parameter is wrong.",
    429: "Too many came from this address; `Retry-After` says when to try again.",
    503: "Nothing is published yet, the server has no models for its codes, or too many requests wait.",
}
PATH_WORDS = {
    "class_id": "The class.",
    "row_id": "The photo's row.",
    "job_id": "The job.",
    "version": "The release.",
    "receipt": "The receipt that the sender got.",
    "pack_id": "The pack.",
}

PICTURES: Schema = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/jpeg", "image/png")}
ARCHIVE: Schema = {"application/zip": {"schema": {"type": "string", "format": "binary"}}}
LOCATION: Schema = {"Location": {"required": True, "schema": {"type": "string", "format": "uri-reference"}}}


class _Untitled(GenerateJsonSchema):
    """Schemas without titles, which would repeat each name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def openapi(*blueprints: DescribedBlueprint) -> Schema:
    """The OpenAPI 3.1 document of the operations of these blueprints."""
    operations = [operation for blueprint in blueprints for operation in blueprint.operations]
    paths: Schema = {}
    for operation in operations:
        path = PARAMETER.sub(r"{\2}", operation.rule)
        paths.setdefault(path, {})[operation.method.lower()] = _described(operation)
    kinds = [kind for each in operations for kind in (each.answer, each.body) if kind is not None]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "coindex catalogue server",
            "version": "1",
            "summary": "Read and curate a catalogue of coins, and publish it for phones.",
            "description": "Reading needs no account; changes need an API token. Errors are RFC 9457 problem details.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/api/v1"}],
        "paths": paths,
        "components": {
            "schemas": _schemas(tuple(dict.fromkeys((*kinds, documents.Problem)))),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "An API token."}},
        },
    }


@functools.cache
def _schemas(kinds: tuple[type[Any], ...]) -> Schema:
    adapters = [(kind.__name__, "validation", TypeAdapter(kind)) for kind in kinds]
    _, made = TypeAdapter.json_schemas(adapters, ref_template=REFERENCE, schema_generator=_Untitled)  # type: ignore[arg-type]
    schemas: Schema = made["$defs"]
    return schemas


def _described(operation: Operation) -> Schema:
    answer: Schema = {"description": operation.told}
    of_answer = _reference(operation.answer) if operation.answer else {"type": "object"}
    answer["content"] = {"application/json": {"schema": of_answer}}
    if operation.status != 200:
        answer["headers"] = LOCATION
    responses = {str(operation.status): answer}
    if operation.method == "GET" and operation.role is None:
        responses["304"] = {"description": "It did not change since the ETag of `If-None-Match`."}
    described: Schema = {
        "summary": operation.summary,
        "parameters": [*_path_parameters(operation), *_query_parameters(operation)],
        "responses": responses | _problems(operation),
        "security": [{"token": []}] if operation.role else [],
    }
    if operation.takes_photo:
        described["requestBody"] = {"required": True, "content": PICTURES}
    elif operation.archive_bytes:
        described["requestBody"] = {"required": True, "content": ARCHIVE}
    elif operation.body:
        content = {"application/json": {"schema": _reference(operation.body)}}
        described["requestBody"] = {"required": operation.body_needed, "content": content}
    return described


def _path_parameters(operation: Operation) -> list[Schema]:
    schemas = {"int": TypeAdapter(documents.Id).json_schema(), "string": {"type": "string", "minLength": 1}}
    return [
        {"name": name, "in": "path", "required": True, "schema": schemas[kind], "description": PATH_WORDS[name]}
        for kind, name in PARAMETER.findall(operation.rule)
    ]


def _query_parameters(operation: Operation) -> list[Schema]:
    if operation.query is None:
        return []
    properties = TypeAdapter(operation.query).json_schema(schema_generator=_Untitled)["properties"]
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "schema": {key: value for key, value in schema.items() if key != "description"},
            "description": schema["description"],
        }
        for name, schema in properties.items()
    ]


def _problems(operation: Operation) -> Schema:
    """The problems that an operation names, and those that follow from its other attributes."""
    statuses = set(operation.problems)
    statuses |= {401, 403} if operation.role else set()
    takes_body = operation.body or operation.takes_photo or operation.archive_bytes
    statuses |= {400, 413, 415} if takes_body else set()
    statuses |= {422} if operation.body or operation.query else set()
    content = {"application/problem+json": {"schema": _reference(documents.Problem)}}
    return {str(status): {"description": WORDS[status], "content": content} for status in sorted(statuses)}


def _reference(kind: type[Any]) -> Schema:
    return {"$ref": REFERENCE.format(model=kind.__name__)}
