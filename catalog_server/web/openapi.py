"""The OpenAPI document of `/api/v1/`: what may be asked, what is answered, who may."""

from typing import Any

from coindex.catalog.state import MAX_ID
from coindex.manifest import SIDES

__all__ = ["LABEL_LENGTH", "LIMIT", "MAX_LIMIT", "openapi"]

LIMIT, MAX_LIMIT = 50, 200
LABEL_LENGTH = 200

Schema = dict[str, Any]


def openapi(*, identify: bool) -> Schema:
    """The document, OpenAPI 3.1; with `identify` where the server answers photos."""
    paths = {**_reading(), **_coins(), **_photos(), **_publishing()}
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
        "paths": {**paths, **(_identify() if identify else {})},
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "An API token."}},
        },
    }


def _object(properties: Schema, *, optional: tuple[str, ...] = ()) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


ID: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_ID}
COUNT: Schema = {"type": "integer", "minimum": 0}
TEXT: Schema = {"type": "string"}
TIME: Schema = {"type": "string", "format": "date-time"}
HASH: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
SPACE: Schema = {"type": "string", "pattern": "^[0-9a-f]{16}$"}
SIDE: Schema = {"type": "string", "enum": list(SIDES)}

WRITTEN: Schema = {"type": "string", "maxLength": LABEL_LENGTH, "pattern": r"^[ -~\u00a1-\u00ac\u00ae-\u017f]*$"}
"""What may be sent: printable text. The server takes all of Unicode that can be printed, of which this is a part that
a regular expression can say."""

NAMED: Schema = {
    **WRITTEN,
    "minLength": 1,
    "pattern": r"^[ -~\u00a1-\u00ac\u00ae-\u017f]*[!-~\u00a1-\u00ac\u00ae-\u017f][ -~\u00a1-\u00ac\u00ae-\u017f]*$",
}

PICTURES: Schema = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/jpeg", "image/png")}

COIN: Schema = {
    "class_id": ID,
    "country": TEXT,
    "currency": TEXT,
    "denomination": TEXT,
    "variant": TEXT,
    "side": SIDE,
    "name": TEXT,
    "design": TEXT,
    "retired": {"type": "boolean"},
    "revision": {**ID, "description": "Counts the changes; an edit names the one that it saw."},
    "created": TIME,
    "updated": TEXT,
    "photo_count": {**COUNT, "description": "Photos that are not retired."},
}

CHANGED: Schema = {
    "country": NAMED,
    "currency": NAMED,
    "denomination": NAMED,
    "variant": WRITTEN,
    "side": SIDE,
    "design": WRITTEN,
}

SCHEMAS: Schema = {
    "Problem": {
        "type": "object",
        "properties": {
            "type": {"type": "string"},
            "title": TEXT,
            "status": {"type": "integer"},
            "detail": TEXT,
            "errors": {"type": "array", "items": _object({"field": TEXT, "detail": TEXT})},
        },
        "required": ["type", "title", "status", "detail"],
    },
    "Status": _object(
        {
            "release": _or_null(
                _object(
                    {
                        "version": ID,
                        "created": TIME,
                        "space_id": SPACE,
                        "state_hash": HASH,
                        "rows": COUNT,
                        "classes": COUNT,
                        "bytes": COUNT,
                    }
                )
            ),
            "store": _object({"rows": COUNT, "classes": COUNT, "space_id": _or_null(SPACE)}),
        }
    ),
    "Coin": _object(COIN),
    "Photo": _object(
        {
            "row_id": ID,
            "class_id": ID,
            "photo_sha256": HASH,
            "specimen": TEXT,
            "year": TEXT,
            "retired": {"type": "boolean"},
            "created": TIME,
            "thumbnail": {"type": "string", "format": "uri-reference"},
        }
    ),
    "WholeCoin": _object({**COIN, "photos": {"type": "array", "items": _ref("Photo")}}),
    "Coins": _object({"coins": {"type": "array", "items": _ref("Coin")}, "next": _or_null(ID)}),
    "NewCoin": _object(CHANGED, optional=("variant", "design")),
    "CoinEdit": _object({"revision": ID, **CHANGED}, optional=tuple(CHANGED)),
    "PhotoEdit": _object({"specimen": WRITTEN, "year": WRITTEN}, optional=("specimen", "year")),
    "Release": _object(
        {
            "version": ID,
            "created": TIME,
            "space_id": SPACE,
            "state_hash": HASH,
            "rows": COUNT,
            "classes": COUNT,
            "recall_at_1": _or_null({"type": "number", "minimum": 0, "maximum": 1}),
            "override": _or_null(TEXT),
        }
    ),
    "Releases": _object({"releases": {"type": "array", "items": _ref("Release")}, "next": _or_null(ID)}),
    "Publish": _object(
        {"override": {**NAMED, "description": "Why to publish graphs that find too little."}}, optional=("override",)
    ),
    "Job": _object(
        {
            "job_id": ID,
            "kind": TEXT,
            "state": {"type": "string", "enum": ["waiting", "running", "done", "failed", "cancelled"]},
            "done": COUNT,
            "total": COUNT,
            "message": TEXT,
            "detail": {"type": "object"},
            "actor": TEXT,
            "created": TIME,
            "started": _or_null(TIME),
            "ended": _or_null(TIME),
        }
    ),
    "Jobs": _object({"jobs": {"type": "array", "items": _ref("Job")}}),
    "AuditEntry": _object(
        {"audit_id": ID, "at": TIME, "actor": TEXT, "action": TEXT, "subject": TEXT, "detail": {"type": "object"}}
    ),
    "Audit": _object({"entries": {"type": "array", "items": _ref("AuditEntry")}, "next": _or_null(ID)}),
    "Answer": {
        "type": "object",
        "properties": {
            "photo": TEXT,
            "catalog": {"type": "object"},
            "coins": {"type": "array", "items": {"type": "object"}},
            "timings_ms": {"type": "object"},
            "engine": {"type": "object"},
        },
        "required": ["photo", "catalog", "coins", "timings_ms", "engine"],
    },
}

WORDS = {
    400: "The request cannot be read.",
    401: "There is no valid token.",
    403: "The token's role may not do this.",
    404: "There is no such thing.",
    409: "It is at odds with what the store holds, or somebody changed it meanwhile.",
    413: "The body is too large.",
    415: "The body is of another kind than expected.",
    422: "A field or a parameter is wrong.",
    503: "Nothing is published to answer from yet, or the server lacks the models of its codes.",
}

NOT_MODIFIED: Schema = {"304": {"description": "It is what `If-None-Match` names."}}


def _problems(*statuses: int) -> Schema:
    content = {"application/problem+json": {"schema": _ref("Problem")}}
    return {str(status): {"description": WORDS[status], "content": content} for status in statuses}


def _answer(name: str, words: str) -> Schema:
    return {"description": words, "content": {"application/json": {"schema": _ref(name)}}}


def _json(name: str, *, required: bool = True) -> Schema:
    return {"required": required, "content": {"application/json": {"schema": _ref(name)}}}


def _parameter(name: str, where: str, schema: Schema, words: str) -> Schema:
    return {"name": name, "in": where, "required": where == "path", "schema": schema, "description": words}


def _read(summary: str, answer: str, words: str, *problems: int, parameters: tuple[Schema, ...] = ()) -> Schema:
    """A reading that anyone may do."""
    responses = {"200": _answer(answer, words), **NOT_MODIFIED, **_problems(*problems)}
    return {"summary": summary, "parameters": list(parameters), "responses": responses, "security": []}


def _change(
    summary: str,
    answer: str,
    words: str,
    *problems: int,
    status: int = 200,
    parameters: tuple[Schema, ...] = (),
    body: Schema | None = None,
) -> Schema:
    """Something for who holds a token."""
    sent = (400, 413, 415, 422) if body else ()
    answered = _answer(answer, words)
    if status != 200:
        answered["headers"] = {"Location": {"required": True, "schema": {"type": "string", "format": "uri-reference"}}}
    responses = {str(status): answered, **_problems(*sorted({401, 403, *sent, *problems}))}
    made = {"summary": summary, "parameters": list(parameters), "responses": responses, "security": [{"token": []}]}
    return {**made, "requestBody": body} if body else made


CLASS_ID = _parameter("class_id", "path", ID, "The class.")
ROW_ID = _parameter("row_id", "path", ID, "The photo's row.")
JOB_ID = _parameter("job_id", "path", ID, "The job.")
LIMITED = _parameter(
    "limit", "query", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": LIMIT}, "How many at most."
)


def _reading() -> Schema:
    exact = tuple(
        _parameter(name, "query", SIDE if name == "side" else TEXT, "Only coins with exactly this.")
        for name in ("country", "currency", "denomination", "variant", "side", "design")
    )
    after = _parameter("after", "query", {**ID, "minimum": 0}, "Go on after this class: `next` of the page before.")
    before = _parameter("before", "query", ID, "Go on before this release: `next` of the page before.")
    version = _parameter("version", "path", ID, "The release.")
    return {
        "/openapi.json": {
            "get": {
                "summary": "This document",
                "responses": {
                    "200": {"description": "It.", "content": {"application/json": {"schema": {"type": "object"}}}},
                    **NOT_MODIFIED,
                },
                "security": [],
            }
        },
        "/catalog": {"get": _read("What is served, and what the store holds", "Status", "The status.")},
        "/coins": {
            "get": _read("Coins by class", "Coins", "A page.", 422, parameters=(*exact, after, LIMITED)),
            "post": _change("Add a coin", "WholeCoin", "The coin.", 409, status=201, body=_json("NewCoin")),
        },
        "/releases": {
            "get": _read("Releases, newest first", "Releases", "A page.", 422, parameters=(before, LIMITED)),
            "post": _change(
                "Publish the catalogue, as a background job",
                "Job",
                "The job, which waits.",
                status=202,
                body=_json("Publish", required=False),
            ),
        },
        "/releases/{version}": {"get": _read("A release", "Release", "It.", 404, parameters=(version,))},
    }


def _coins() -> Schema:
    revision = _parameter("revision", "query", ID, "Refuse where the coin has a newer one.")
    before = _parameter("before", "query", ID, "Go on before this entry: `next` of the page before.")
    return {
        "/coins/{class_id}": {
            "get": _read("A coin with its photos", "WholeCoin", "It.", 404, parameters=(CLASS_ID,)),
            "patch": _change(
                "Edit a coin", "WholeCoin", "It.", 404, 409, parameters=(CLASS_ID,), body=_json("CoinEdit")
            ),
            "delete": _change(
                "Retire a coin with its photos",
                "WholeCoin",
                "It, retired.",
                404,
                409,
                422,
                parameters=(CLASS_ID, revision),
            ),
        },
        "/coins/{class_id}/restore": {
            "post": _change("Bring a retired coin back", "WholeCoin", "It.", 404, 409, parameters=(CLASS_ID,))
        },
        "/audit": {
            "get": _change("Who changed what, newest first", "Audit", "A page.", 422, parameters=(before, LIMITED))
        },
    }


def _photos() -> Schema:
    told = tuple(_parameter(name, "query", WRITTEN, "What the photo shows.") for name in ("specimen", "year"))
    return {
        "/coins/{class_id}/photos": {
            "post": _change(
                "Add a photo, the largest coin of it; what is kept is made anew from its pixels",
                "Photo",
                "It.",
                404,
                409,
                503,
                status=201,
                parameters=(CLASS_ID, *told),
                body={"required": True, "content": PICTURES},
            )
        },
        "/photos/{row_id}": {
            "patch": _change(
                "Say which specimen and year a photo shows",
                "Photo",
                "It.",
                404,
                409,
                parameters=(ROW_ID,),
                body=_json("PhotoEdit"),
            ),
            "delete": _change("Retire a photo", "Photo", "It, retired.", 404, 409, parameters=(ROW_ID,)),
        },
        "/photos/{row_id}/restore": {
            "post": _change("Bring a retired photo back", "Photo", "It.", 404, 409, parameters=(ROW_ID,))
        },
    }


def _publishing() -> Schema:
    return {
        "/jobs": {"get": _change("Background jobs, newest first", "Jobs", "They.", 422, parameters=(LIMITED,))},
        "/jobs/{job_id}": {
            "get": _change("A background job", "Job", "It.", 404, parameters=(JOB_ID,)),
            "delete": _change("Cancel a job", "Job", "It, cancelled.", 404, 409, parameters=(JOB_ID,)),
        },
    }


def _identify() -> Schema:
    return {
        "/identify": {
            "post": {
                "summary": "The coins in a photo",
                "requestBody": {"required": True, "content": PICTURES},
                "responses": {"200": _answer("Answer", "They."), **_problems(400, 413, 415, 503)},
                "security": [],
            }
        }
    }
