"""`/sign-in` and `/sign-out`."""

from urllib.parse import urlsplit

from flask import abort, redirect, render_template, request
from werkzeug.wrappers import Response

from catalog_server.accounts.accounts import list_users
from catalog_server.accounts.sessions import sign_in, sign_out
from catalog_server.web.pages.blueprint import pages
from catalog_server.web.security import begin_session, end_session, session_token
from catalog_server.web.state import state
from coindex.errors import AccountError, SignInThrottled


@pages.get("/sign-in")
def sign_in_() -> str:
    return _form(request.args.get("next", ""), no_accounts=not list_users(state().store))


@pages.post("/sign-in")
def try_to_sign_in() -> Response | tuple[str, int] | tuple[str, int, dict[str, str]]:
    name, wanted = request.form.get("name", ""), request.form.get("next", "")
    if not wanted.isprintable():
        abort(400, "next: expected the path of a page of this server")
    try:
        address, code = request.remote_addr or "unknown", request.form.get("code", "")
        signed_in = sign_in(state().store, name, request.form.get("password", ""), address=address, code=code)
    except SignInThrottled as error:
        return _form(wanted, name=name, problem=str(error)), 429, {"Retry-After": str(error.retry_after)}
    except AccountError as error:
        return _form(wanted, name=name, problem=str(error)), 403
    response = redirect(request.script_root + _inside(wanted), 303)
    begin_session(response, signed_in)
    return response


@pages.post("/sign-out")
def sign_out_() -> Response:
    if token := session_token():
        sign_out(state().store, token)
    response = redirect(f"{request.script_root}/", 303)
    end_session(response)
    return response


def _form(wanted: str, **shown: object) -> str:
    return render_template("sign_in.html", next=wanted, **shown)


def _inside(wanted: str) -> str:
    """The next page: a path of this server, never the address of another site."""
    parts = urlsplit(wanted)
    plain = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return wanted if plain else "/coins"
