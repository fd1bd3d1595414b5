"""Signing in and out."""

from urllib.parse import urlsplit

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from catalog_server.accounts import list_users, sign_in, sign_out
from catalog_server.web.pages.curator import Curator
from catalog_server.web.security import begin_session, end_session, session_token
from coindex.errors import AccountError, SignInThrottled

__all__ = ["add_to"]


def add_to(blueprint: Blueprint, curator: Curator) -> None:
    """`/sign-in` and `/sign-out`."""
    store = curator.store

    @blueprint.get("/sign-in")
    def sign_in_() -> str:
        return _form(request.args.get("next", ""), no_accounts=not list_users(store))

    @blueprint.post("/sign-in")
    def try_to_sign_in() -> Response | tuple[str, int] | tuple[str, int, dict[str, str]]:
        name, wanted = request.form.get("name", ""), request.form.get("next", "")
        try:
            address = request.remote_addr or "unknown"
            signed_in = sign_in(store, name, request.form.get("password", ""), address=address)
        except SignInThrottled as error:
            return _form(wanted, name=name, problem=str(error)), 429, {"Retry-After": str(error.retry_after)}
        except AccountError as error:
            return _form(wanted, name=name, problem=str(error)), 403
        response = redirect(_inside(wanted), 303)
        begin_session(response, signed_in)
        return response

    @blueprint.post("/sign-out")
    def sign_out_() -> Response:
        if token := session_token():
            sign_out(store, token)
        response = redirect("/", 303)
        end_session(response)
        return response


def _form(wanted: str, **shown: object) -> str:
    return render_template("sign_in.html", next=wanted, **shown)


def _inside(wanted: str) -> str:
    """Where to go on: a path of this server, never another site's address."""
    parts = urlsplit(wanted)
    plain = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return wanted if plain else "/coins"
