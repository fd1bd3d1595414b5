"""Accounts and API tokens, for publishers."""

from datetime import UTC, datetime, timedelta

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from catalog_server.accounts import (
    MIN_PASSWORD,
    Role,
    create_token,
    create_user,
    list_tokens,
    list_users,
    revoke_token,
    set_disabled,
    set_password,
    set_role,
)
from catalog_server.web.pages.curator import Curator
from catalog_server.web.security import needs, signed_in
from coindex.errors import AccountError

__all__ = ["add_to"]

TOKEN_DAYS = (30, 90, 365)


def add_to(blueprint: Blueprint, curator: Curator) -> None:
    """`/accounts`."""
    store = curator.store

    @blueprint.get("/accounts")
    @needs(Role.PUBLISHER)
    def accounts() -> str:
        return _page(curator)

    @blueprint.post("/accounts/users")
    @needs(Role.PUBLISHER)
    def add_user() -> Response:
        name, role = request.form.get("name", "").strip(), _role()
        create_user(store, name, request.form.get("password", ""), role=role, actor=signed_in().actor)
        flash(f"{name} may sign in now, as a {role}.", "good")
        return _back()

    @blueprint.post("/accounts/users/<name>")
    @needs(Role.PUBLISHER)
    def change_user(name: str) -> Response:
        actor, change = signed_in().actor, request.form.get("change", "")
        if change == "password":
            set_password(store, name, request.form.get("password", ""), actor=actor)
        elif change == "role":
            set_role(store, name, _role(), actor=actor)
        elif change in ("disable", "enable"):
            set_disabled(store, name, change == "disable", actor=actor)
        else:
            raise AccountError(f"{change!r} is no change of an account")
        flash(f"Changed {name}.", "good")
        return _back()

    @blueprint.post("/accounts/tokens")
    @needs(Role.PUBLISHER)
    def add_token() -> str:
        days = request.form.get("days", type=int)
        if days is not None and days not in TOKEN_DAYS:
            raise AccountError(f"a token ends after {', '.join(map(str, TOKEN_DAYS))} days, or never")
        ends = (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ") if days else None
        who, name = signed_in(), request.form.get("name", "").strip()
        _, secret = create_token(store, name, user=who.user.name, role=_role(), actor=who.actor, expires=ends)
        # Shown with this answer and never again: a redirect would have to keep it somewhere.
        return _page(curator, secret=secret)

    @blueprint.post("/accounts/tokens/<int(max=2147483647):token_id>/revoke")
    @needs(Role.PUBLISHER)
    def revoke(token_id: int) -> Response:
        revoke_token(store, token_id, actor=signed_in().actor)
        flash("The token is good for nothing from now on.", "good")
        return _back()


def _page(curator: Curator, *, secret: str | None = None) -> str:
    users, tokens = list_users(curator.store), list_tokens(curator.store)
    page = {"users": users, "tokens": tokens, "roles": list(Role), "days": TOKEN_DAYS, "least": MIN_PASSWORD}
    return render_template("accounts.html", **page, secret=secret)


def _role() -> Role:
    given = request.form.get("role", "")
    if given not in tuple(Role):
        raise AccountError(f"role {given!r} is none of {', '.join(Role)}")
    return Role(given)


def _back() -> Response:
    return redirect(url_for("pages.accounts"), 303)
