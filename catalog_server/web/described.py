"""Operations of the API: one description at the view serves for routing, checks and documentation."""

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
    """The description of an operation. Documents are the types of `catalog_server.web.documents`.

    Attributes:
        method: The HTTP method.
        rule: The rule of the path.
        summary: What it does.
        answer: The document of the answer, None for any JSON object.
        told: The answer in words.
        problems: The statuses of its problems, without those that follow from the other attributes.
        status: The status of success.
        role: The role of the required token, None if anyone may do it.
        query: The document of the query, which is checked and given to the view as `query`.
        body: The document of the body, which is checked and given to the view as `body`.
        body_needed: Whether there must be a body.
        takes_photo: Whether the body is a photo instead.
        archive_bytes: The most bytes of a ZIP that is the body instead; 0 for none.
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
        """Register a view for an operation. The parameters are those of `Operation`."""
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
    """The account of this request's token, in the view of an operation that needs a role."""
    found: Identity = g.identity
    return found


def _checked(operation: Operation, view: View) -> View:
    """The view behind the checks of its operation."""
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
    """The answer to a request without a token of a role; None if it has one."""
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
        return problem_response(
            HTTPStatus.FORBIDDEN, f"this needs the token of a {role}, yours is of a {identity.role}"
        )
    g.identity = identity
    return None


def _document(kind: TypeAdapter[Any], sent: Any) -> Mapping[str, Any]:
    """The request's document, checked. Aborts with 422 and names each wrong field."""
    if not isinstance(sent, dict):
        refuse({"body": "must be a JSON object"})
    try:
        found: Mapping[str, Any] = kind.validate_python(sent)
    except ValidationError as error:
        fields = ", ".join(kind.json_schema()["properties"])
        refuse({str(each["loc"][0]): _words(each, fields) for each in error.errors()})
    return found


def _words(error: Any, fields: str) -> str:
    if error["type"] == "missing":
        return "is missing; add it"
    if error["type"] == "extra_forbidden":
        return f"is not a field here; the fields are {fields}"
    return str(error["ctx"]["error"]) if "error" in error.get("ctx", {}) else str(error["msg"])
