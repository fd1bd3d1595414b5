"""`/accounts`: accounts and API tokens, for publishers."""

from datetime import timedelta

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from catalog_server.accounts.accounts import Role, create_user, list_users, set_disabled, set_password, set_role
from catalog_server.accounts.passwords import MIN_PASSWORD
from catalog_server.accounts.resets import make_reset
from catalog_server.accounts.second_factor import set_second_factor
from catalog_server.accounts.tokens import create_token, list_tokens, revoke_token
from catalog_server.store import from_now
from catalog_server.web.pages.blueprint import pages
from catalog_server.web.security import needs, signed_in
from catalog_server.web.state import state
from coindex.errors import AccountError

TOKEN_DAYS = (30, 90, 365)


@pages.get("/accounts")
@needs(Role.PUBLISHER)
def accounts() -> str:
    return _page()


@pages.post("/accounts/users")
@needs(Role.PUBLISHER)
def add_user() -> Response:
    name, role = request.form.get("name", "").strip(), _role()
    create_user(state().store, name, request.form.get("password", ""), role=role, actor=signed_in().actor)
    flash(f"Added {name}, a {role}.", "good")
    return _back()


@pages.post("/accounts/users/<name>")
@needs(Role.PUBLISHER)
def change_user(name: str) -> Response | str:
    actor, change = signed_in().actor, request.form.get("change", "")
    if change == "password":
        set_password(state().store, name, request.form.get("password", ""), actor=actor)
    elif change == "role":
        set_role(state().store, name, _role(), actor=actor)
    elif change == "reset":
        token = make_reset(state().store, name, actor=actor)
        # Shown only in this answer, like a token.
        return _page(link=url_for("pages.reset", token=token, _external=True), reset_of=name)
    elif change == "second-factor":
        set_second_factor(state().store, name, None, actor=actor)
    elif change in ("disable", "enable"):
        set_disabled(state().store, name, change == "disable", actor=actor)
    else:
        raise AccountError(f"{change!r} is not a change of an account; use the buttons of the page")
    flash(f"Changed {name}.", "good")
    return _back()


@pages.post("/accounts/tokens")
@needs(Role.PUBLISHER)
def add_token() -> str:
    days = request.form.get("days", type=int)
    if days is not None and days not in TOKEN_DAYS:
        raise AccountError(
            f"a token must end after {', '.join(map(str, TOKEN_DAYS))} days, or never; choose one of these"
        )
    ends = from_now(timedelta(days=days)) if days else None
    who, name = signed_in(), request.form.get("name", "").strip()
    _, secret = create_token(state().store, name, user=who.user.name, role=_role(), actor=who.actor, expires=ends)
    # Shown only in this answer: a redirect would have to store it.
    return _page(secret=secret)


@pages.post("/accounts/tokens/<int(max=2147483647):token_id>/revoke")
@needs(Role.PUBLISHER)
def revoke(token_id: int) -> Response:
    revoke_token(state().store, token_id, actor=signed_in().actor)
    flash("The token was revoked.", "good")
    return _back()


def _page(*, secret: str | None = None, link: str = "", reset_of: str = "") -> str:
    users, tokens = list_users(state().store), list_tokens(state().store)
    page = {"users": users, "tokens": tokens, "roles": list(Role), "days": TOKEN_DAYS, "least": MIN_PASSWORD}
    return render_template("accounts.html", **page, secret=secret, link=link, reset_of=reset_of)


def _role() -> Role:
    given = request.form.get("role", "")
    if given not in tuple(Role):
        raise AccountError(f"role {given!r} is not one of {', '.join(Role)}")
    return Role(given)


def _back() -> Response:
    return redirect(url_for("pages.accounts"), 303)
