"""`/account`: your own password, sessions, tokens and second factor. `/reset/…`: a new password after a reset link."""

from datetime import timedelta

from flask import Response, abort, flash, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from catalog_server.accounts.accounts import Role, account_row, set_password
from catalog_server.accounts.passwords import MAX_PASSWORD, MIN_PASSWORD, matches
from catalog_server.accounts.resets import reset_name, use_reset
from catalog_server.accounts.second_factor import app_link, link_picture, new_secret, set_second_factor
from catalog_server.accounts.sessions import end_other_sessions, list_sessions
from catalog_server.accounts.tokens import create_token, list_tokens, revoke_token
from catalog_server.curation.steps import counted
from catalog_server.store import from_now
from catalog_server.web.pages.blueprint import pages
from catalog_server.web.security import end_session, needs, session_token, signed_in
from catalog_server.web.state import state
from coindex.errors import AccountError

TOKEN_DAYS = (30, 90, 365)
TOKEN = "<string(maxlength=100):token>"


@pages.get("/account")
@needs(Role.CURATOR)
def account() -> str:
    return _page()


@pages.post("/account/password")
@needs(Role.CURATOR)
def change_own_password() -> AnyResponse | tuple[str, int]:
    me = signed_in()
    try:
        _require_password()
        set_password(state().store, me.user.name, request.form.get("password", ""), actor=me.actor)
    except AccountError as error:
        return _page(problem=str(error)), 409
    flash("Your password was changed. Sign in with the new one.", "good")
    response = redirect(url_for("pages.sign_in_", next="/account"), 303)
    end_session(response)
    return response


@pages.post("/account/sessions/end")
@needs(Role.CURATOR)
def end_own_sessions() -> AnyResponse:
    handle = request.form.get("handle") or None
    count = end_other_sessions(state().store, signed_in().user.name, session_token(), handle=handle)
    flash(f"Ended {counted(count, 'session')}.", "good")
    return redirect(url_for("pages.account"), 303)


@pages.post("/account/tokens")
@needs(Role.CURATOR)
def add_own_token() -> str | tuple[str, int]:
    me, days = signed_in(), request.form.get("days", type=int)
    try:
        if days not in TOKEN_DAYS:
            raise AccountError(
                f"your own token must end after {', '.join(map(str, TOKEN_DAYS))} days; choose one of these"
            )
        name, ends = request.form.get("name", "").strip(), from_now(timedelta(days=days))
        user = me.user.name
        _, secret = create_token(state().store, name, user=user, role=Role.CURATOR, actor=me.actor, expires=ends)
    except AccountError as error:
        return _page(problem=str(error)), 409
    # Shown only in this answer: a redirect would have to store it.
    return _page(secret=secret)


@pages.post("/account/tokens/<int(max=2147483647):token_id>/revoke")
@needs(Role.CURATOR)
def revoke_own_token(token_id: int) -> AnyResponse:
    me = signed_in()
    if all(token.token_id != token_id for token in list_tokens(state().store, user=me.user.name)):
        abort(404, f"you have no token {token_id}")
    revoke_token(state().store, token_id, actor=me.actor)
    flash("The token was revoked.", "good")
    return redirect(url_for("pages.account"), 303)


@pages.post("/account/second-factor")
@needs(Role.CURATOR)
def change_second_factor() -> AnyResponse | str | tuple[str, int]:
    """Set up a second factor, confirm it with the first code, or turn it off."""
    me, form = signed_in(), request.form
    change, new = form.get("change", ""), form.get("secret", "")
    try:
        if change == "begin":
            _require_password()
            return _page(new=new_secret())
        if change == "on":
            set_second_factor(state().store, me.user.name, new, actor=me.actor, code=form.get("code", ""))
            flash("Signing in now needs a code from the app.", "good")
        elif change == "off":
            _require_password()
            set_second_factor(state().store, me.user.name, None, actor=me.actor)
            flash("Signing in now needs only the password.", "good")
        else:
            raise AccountError(f"{change!r} is not a change of a second factor; use the buttons of the page")
    except AccountError as error:
        return _page(problem=str(error), new=new if change == "on" else ""), 409
    return redirect(url_for("pages.account"), 303)


@pages.get(f"/reset/{TOKEN}")
def reset(token: str) -> str | tuple[str, int]:
    return _reset_page(token)


@pages.post(f"/reset/{TOKEN}")
def reset_password(token: str) -> Response | AnyResponse | str | tuple[str, int]:
    try:
        use_reset(state().store, token, request.form.get("password", ""))
    except AccountError as error:
        return _reset_page(token, problem=str(error))
    flash("The password is set. Sign in with it.", "good")
    return redirect(url_for("pages.sign_in_"), 303)


def _reset_page(token: str, problem: str = "") -> str | tuple[str, int]:
    try:
        name = reset_name(state().store, token)
    except AccountError as error:
        return render_template("reset.html", name="", problem=str(error)), 404
    page = render_template("reset.html", name=name, problem=problem, least=MIN_PASSWORD)
    return (page, 409) if problem else page


def _require_password() -> None:
    """Raise `AccountError` unless the form has the user's password: an open browser alone must not be enough."""
    given = request.form.get("current", "")
    with state().store.reading() as session:
        row = account_row(session, signed_in().user.name)
        hashed = row.password_hash if row else ""
    if len(given) > MAX_PASSWORD or not matches(hashed, given):
        raise AccountError("this is not your current password; nothing was changed")


def _page(*, problem: str = "", secret: str = "", new: str = "") -> str:
    store, user = state().store, signed_in().user
    link = app_link(new, user.name) if new else ""
    page = {
        "user": user,
        "sessions": list_sessions(store, user.name, session_token()),
        "tokens": list_tokens(store, user=user.name),
        "days": TOKEN_DAYS,
        "least": MIN_PASSWORD,
        "link": link,
        "picture": Markup(link_picture(link)) if link else "",
    }
    return render_template("account.html", **page, problem=problem, secret=secret, new=new)
