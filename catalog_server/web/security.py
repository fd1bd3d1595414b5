"""Sessions of browsers, roles, protection against forged requests, limits of forms, and security headers."""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar
from urllib.parse import quote, urlsplit

from flask import Flask, Response, abort, g, redirect, request
from werkzeug.wrappers import Request
from werkzeug.wrappers import Response as AnyResponse

from catalog_server.accounts.accounts import Identity, Role
from catalog_server.accounts.sessions import SignedIn, session_identity
from catalog_server.accounts.tokens import token_identity
from catalog_server.store import Meta, Store

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = [
    "bears_credentials",
    "begin_session",
    "end_session",
    "identity",
    "limits_of",
    "needs",
    "page_key",
    "recognise_sessions",
    "send_security_headers",
    "session_token",
    "signed_in",
    "takes",
]

COOKIE = "coindex_session"
PAGE_KEY = "page_key"
CSRF_FIELD, CSRF_HEADER = "csrf", "X-CSRF-Token"
SIGN_IN = "pages.try_to_sign_in"
"""A user with a session can start another one."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

SMALL_FORM = 256 << 10
"""The most bytes of a form without files. Its longest field has some hundred characters."""
LIMITS = "form_limits"
"""The attribute of a view with its own limits."""

SECURITY_HEADERS = {
    # Answers contain pictures of coins that were just cut out (data:).
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # With `no-referrer` browsers would also hide the origin of the server's own forms.
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True)
class _Limits:
    """The limits of a body: bytes from known senders and from `strangers`; and fields and files of a form, None for
    Werkzeug's default."""

    content_bytes: int = SMALL_FORM
    strangers: int = SMALL_FORM
    parts: int | None = None


P = ParamSpec("P")
R = TypeVar("R")


def page_key(store: Store) -> str:
    """The key with which all processes of a store sign flashed messages. It is made once and has no other use."""
    with store.reading() as session:
        if (found := session.get(Meta, PAGE_KEY)) is not None:
            return found.value
    with store.changing() as session:
        found = session.get(Meta, PAGE_KEY)  # another process may have been first
        if found is None:
            found = Meta(name=PAGE_KEY, value=secrets.token_hex(32))
            session.add(found)
        return found.value


def recognise_sessions(app: Flask, store: Store) -> None:
    """Identify the user before each request for a page, and reject requests that another site made a browser send.

    Requests below `/api/` have tokens, which no browser sends by itself. The API checks them.
    """

    @app.before_request
    def recognise() -> None:
        g.identity = None
        limits = limits_of(app.view_functions.get(request.endpoint or ""))
        request.max_content_length = limits.content_bytes
        if limits.parts is not None:
            request.max_form_parts = limits.parts
        if request.path.startswith("/api/") or request.endpoint == "static":
            return
        token = session_token()
        if token:
            g.identity = session_identity(store, token)
        if request.method not in SAFE:
            _refuse_forgery()

    @app.context_processor
    def who() -> dict[str, object]:
        found = identity()
        return {"identity": found, "is_publisher": found is not None and found.role.may(Role.PUBLISHER)}


def identity() -> Identity | None:
    """The signed-in user, None if nobody is signed in."""
    found: Identity | None = g.get("identity")
    return found


def signed_in() -> Identity:
    """The signed-in user, on a page that `needs` a role."""
    found = identity()
    assert found is not None, "the page needs a role"
    return found


def needs(role: Role) -> Callable[[Callable[P, R]], Callable[P, R | AnyResponse]]:
    """Restrict a page to accounts of a role. Other visitors are sent to the sign-in page, and return after it.

    Args:
        role: The least role.
    """

    def decorate(view: Callable[P, R]) -> Callable[P, R | AnyResponse]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R | AnyResponse:
            found = identity()
            if found is None:
                if request.method in SAFE and not request.path.endswith(".json"):
                    return redirect(f"{request.script_root}/sign-in?next={quote(request.full_path.rstrip('?'))}")
                abort(401, "your session has ended; sign in and try again")
            if not found.role.may(role):
                abort(403, f"{found.user.name} is a {found.role}; this page needs a {role}")
            return view(*args, **kwargs)

        return guarded

    return decorate


def takes(
    content_bytes: int, *, parts: int | None = None, from_strangers: bool = False
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Give a view its own limits of the body.

    Args:
        content_bytes: The most bytes.
        parts: The most fields and files of a form, None for Werkzeug's default.
        from_strangers: Whether clients without a session or a token can send as much.
    """

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        setattr(view, LIMITS, _Limits(content_bytes, content_bytes if from_strangers else SMALL_FORM, parts))
        return view

    return decorate


def limits_of(view: Callable[..., object] | None) -> _Limits:
    """The limits of a view: those of a small form, unless it has its own."""
    found: _Limits = getattr(view, LIMITS, _Limits())
    return found


def bears_credentials(store: Store) -> Callable[["WSGIEnvironment"], bool]:
    """Make the check whether a request has a valid session or API token."""

    def check(environ: "WSGIEnvironment") -> bool:
        asked = Request(environ)
        session = asked.cookies.get(COOKIE)
        if session and session_identity(store, session) is not None:
            return True
        token = asked.authorization.token if asked.authorization else None
        return bool(token) and token_identity(store, str(token)) is not None

    return check


def session_token() -> str | None:
    """The session token that the browser sent."""
    return request.cookies.get(COOKIE)


def begin_session(response: AnyResponse, opened: SignedIn) -> None:
    """Give the browser a session's token. Only this server gets it; scripts cannot read it; and browsers do not send it
    with posts from other sites."""
    response.set_cookie(COOKIE, opened.token, httponly=True, samesite="Lax", secure=request.is_secure, path="/")


def end_session(response: AnyResponse) -> None:
    """Delete the browser's session token."""
    response.delete_cookie(COOKIE, httponly=True, samesite="Lax", secure=request.is_secure, path="/")


def send_security_headers(app: Flask) -> None:
    """Add the security headers to every answer that does not have its own."""

    @app.after_request
    def secure(response: Response) -> Response:
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        if identity() is not None:
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response


def _refuse_forgery() -> None:
    """Abort with 403 if a request that changes something comes from another site, or lacks its session's secret."""
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        abort(403, "this request came from another site and was rejected")
    found = identity()
    if found is not None and request.endpoint != SIGN_IN:
        given = request.headers.get(CSRF_HEADER) or request.form.get(CSRF_FIELD, "")
        if not hmac.compare_digest(given.encode(), found.csrf.encode()):
            abort(403, "the form is out of date; go back, reload the page and send it again")
