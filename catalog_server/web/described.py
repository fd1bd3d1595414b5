"""Operations of the API: each is described once, at its view, and asked for, checked and documented by that."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Blueprint, Response, g, request
from flask.typing import ResponseReturnValue
from pydantic import TypeAdapter, ValidationError

from catalog_server.accounts.accounts import Identity, Role
from catalog_server.accounts.tokens import token_identity
from catalog_server.curation.uploads import ONE_PHOTO
from catalog_server.web.problems import problem_response, refuse
from catalog_server.web.security import takes
from catalog_server.web.state import state

__all__ = ["DescribedBlueprint", "Operation", "token_holder"]

View = Callable[..., ResponseReturnValue]
V = TypeVar("V", bound=View)


@dataclass(frozen=True)
class Operation:
    """What may be asked of a path: documents are the types of `catalog_server.web.documents`.

    `role` is that of the token that it takes, None for what anyone may do. `body` and `query` are checked before the
    view is called, and given to it under these names; `takes_photo` says that the body is a photo instead, and
    `archive_bytes` that it is a ZIP of at most so many bytes. Problems that follow from these are not in `problems`.
    """

    method: str
    rule: str
    summary: str
    answer: type[Any] | None
    told: str = "It."
    problems: tuple[int, ...] = ()
    status: int = 200
    role: Role | None = None
    query: type[Any] | None = None
    body: type[Any] | None = None
    body_needed: bool = True
    takes_photo: bool = False
    archive_bytes: int = 0


class DescribedBlueprint(Blueprint):
    """A blueprint whose views are operations."""

    def __init__(self, name: str, import_name: str, **options: Any) -> None:
        super().__init__(name, import_name, **options)
        self.operations: list[Operation] = []

    def operation(
        self, method: str, rule: str, summary: str, answer: type[Any] | None, **more: Any
    ) -> Callable[[V], V]:
        """Let a view answer `method` at `rule`, as `Operation` describes it."""
        described = Operation(method, rule, summary, answer, **more)
        self.operations.append(described)

        def register(view: V) -> V:
            asked = _checked(described, view)
            if described.takes_photo:
                asked = takes(ONE_PHOTO, from_strangers=described.role is None)(asked)
            if described.archive_bytes:
                asked = takes(described.archive_bytes, from_strangers=described.role is None)(asked)
            self.add_url_rule(rule, view.__name__, asked, methods=[method])
            return view

        return register


def token_holder() -> Identity:
    """Who holds the token of this request, in the view of an operation that needs a role."""
    found: Identity = g.identity
    return found


def _checked(operation: Operation, view: View) -> View:
    """A view that is called with what was sent, once it is what the operation takes."""
    query = TypeAdapter(operation.query) if operation.query else None
    body = TypeAdapter(operation.body) if operation.body else None

    @functools.wraps(view)
    def checked(**given: Any) -> ResponseReturnValue:
        if operation.role is not None and (refusal := _refusal(operation.role)) is not None:
            return refusal
        if query is not None:
            given["query"] = _document(query, request.args.to_dict())
        if body is not None:
            is_there = operation.body_needed or bool(request.content_length)
            given["body"] = _document(body, request.get_json() if is_there else {})
        return view(**given)

    return checked


def _refusal(role: Role) -> Response | None:
    """What is answered to who holds no token of a role."""
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    secret = secret.strip()
    identity = token_identity(state().store, secret) if kind.lower() == "bearer" and secret else None
    if identity is None:
        response = problem_response(
            HTTPStatus.UNAUTHORIZED,
            "this needs a valid API token, sent as Authorization: Bearer …; `coindex catalog tokens add` makes one",
        )
        response.headers["WWW-Authenticate"] = 'Bearer realm="coindex"'
        return response
    if not identity.role.may(role):
        return problem_response(HTTPStatus.FORBIDDEN, f"this needs a {role}'s token, yours is a {identity.role}'s")
    g.identity = identity
    return None


def _document(kind: TypeAdapter[Any], sent: Any) -> Mapping[str, Any]:
    """What was sent, if it is a document of a kind. Refuses it (422) naming each field that is wrong."""
    if not isinstance(sent, dict):
        refuse({"body": "a JSON object is expected"})
    try:
        found: Mapping[str, Any] = kind.validate_python(sent)
    except ValidationError as error:
        fields = ", ".join(kind.json_schema()["properties"])
        refuse({str(each["loc"][0]): _words(each, fields) for each in error.errors()})
    return found


def _words(error: Any, fields: str) -> str:
    if error["type"] == "missing":
        return "it is needed"
    if error["type"] == "extra_forbidden":
        return f"there is no such field; there are {fields}"
    return str(error["ctx"]["error"]) if "error" in error.get("ctx", {}) else str(error["msg"])
