"""Forms that add a coin with its photos, edit it, retire it and bring it back."""

from flask import Response, abort, flash, jsonify, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from catalog_server.accounts.accounts import Role
from catalog_server.curation.coins import add_coin, edit_coin, name_warnings, restore_coin, retire_coin
from catalog_server.curation.photos import add_photos
from catalog_server.curation.steps import counted
from catalog_server.curation.uploads import MAX_PHOTO_BYTES
from catalog_server.store import CoinRow
from catalog_server.web.pages.blueprint import pages
from catalog_server.web.pages.coin_page import coin_page
from catalog_server.web.pages.photos import MAX_PHOTOS, refused_form, sent_photos, wants_json
from catalog_server.web.security import needs, signed_in, takes
from catalog_server.web.state import state
from coindex.catalog.state import MAX_ID
from coindex.errors import CoindexError, StaleChange
from coindex.facts import FACTS
from coindex.manifest import LABEL_FIELDS, SIDES, CoinClass

CLASS_ID = f"<int(max={MAX_ID}):class_id>"


@pages.get("/coins/new")
@needs(Role.CURATOR)
def new_coin() -> str:
    return _new_coin_page(dict(request.args))


@pages.post("/coins/new")
@takes(MAX_PHOTOS * MAX_PHOTO_BYTES)
@needs(Role.CURATOR)
def add_coin_() -> AnyResponse | tuple[Response | str, int]:
    try:
        photos = sent_photos()
        label = CoinClass(*(request.form.get(name, "").strip() for name in LABEL_FIELDS))
        design = request.form.get("design", "").strip()
        actor, facts = signed_in().actor, _facts()
        class_id, added = add_coin(state().store, label, actor=actor, design=design, facts=facts, photos=photos)
    except CoindexError as error:
        return refused_form(error) if wants_json() else (_new_coin_page(dict(request.form), problem=str(error)), 422)
    flash(f"Added {label.name}, {label.side}, with {counted(len(added.row_ids), 'photo')}.", "good")
    return _added(_to_named_coin(class_id))


@pages.post(f"/coins/{CLASS_ID}/photos")
@takes(MAX_PHOTOS * MAX_PHOTO_BYTES)
@needs(Role.CURATOR)
def add_photos_(class_id: int) -> AnyResponse | tuple[Response | str, int]:
    try:
        added = add_photos(state().store, class_id, sent_photos(), actor=signed_in().actor)
    except CoindexError as error:
        return refused_form(error) if wants_json() else (coin_page(class_id, problem=str(error)), 422)
    known = f" {added.already_there} were already in the catalogue." if added.already_there else ""
    flash(f"Added {counted(len(added.row_ids), 'photo')}.{known}", "good")
    return _added(_to_coin(class_id))


@pages.post(f"/coins/{CLASS_ID}/edit")
@needs(Role.CURATOR)
def edit_coin_(class_id: int) -> AnyResponse | tuple[str, int]:
    facts = _facts()
    yours = {name: request.form.get(name, "").strip() for name in (*LABEL_FIELDS, "design")}
    label = CoinClass(*(yours[name] for name in LABEL_FIELDS))
    try:
        edit_coin(
            state().store,
            class_id,
            revision=_revision(),
            actor=signed_in().actor,
            label=label,
            design=yours["design"],
            facts=facts,
        )
    except StaleChange as error:
        return coin_page(class_id, stale=str(error), yours={**yours, **facts}), 409
    except CoindexError as error:
        return coin_page(class_id, problem=str(error), yours={**yours, **facts}), 409
    flash("Saved.", "good")
    return _to_named_coin(class_id)


@pages.post(f"/coins/{CLASS_ID}/retire")
@needs(Role.CURATOR)
def retire_coin_(class_id: int) -> AnyResponse:
    record, photos = retire_coin(state().store, class_id, actor=signed_in().actor, revision=_revision())
    flash(f"Retired {record.name}, {record.side}, with {counted(photos, 'photo')}.", "good")
    return _to_coin(class_id)


@pages.post(f"/coins/{CLASS_ID}/restore")
@needs(Role.CURATOR)
def restore_coin_(class_id: int) -> AnyResponse:
    record, photos = restore_coin(state().store, class_id, actor=signed_in().actor)
    flash(f"Brought back {record.name}, {record.side}, with {counted(photos, 'photo')}.", "good")
    return _to_named_coin(class_id)


def _new_coin_page(values: dict[str, str], *, problem: str | None = None) -> str:
    with state().store.reading() as session:
        countries, currencies = (
            list(session.scalars(select(column).distinct().order_by(column)))
            for column in (CoinRow.country, CoinRow.currency)
        )
    page = {"values": values, "problem": problem, "sides": SIDES, "countries": countries, "currencies": currencies}
    return render_template("new_coin.html", **page)


def _facts() -> dict[str, str]:
    """The facts of the form, with empty ones; none if the form has no facts."""
    return {name: request.form[name].strip() for name in FACTS if name in request.form}


def _revision() -> int:
    revision = request.form.get("revision", type=int)
    if revision is None:
        abort(400, "the form has no revision; reload the page")
    return revision


def _added(there: AnyResponse) -> AnyResponse:
    """The next page: told to the page's script, or as a redirect of the browser."""
    return jsonify({"location": there.location}) if wants_json() else there


def _to_coin(class_id: int) -> AnyResponse:
    return redirect(url_for("pages.coin", class_id=class_id), 303)


def _to_named_coin(class_id: int) -> AnyResponse:
    """Redirect to a coin whose label changed, with warnings about its name."""
    for told in name_warnings(state().store, class_id):
        flash(f"Please check: {told}", "warn")
    return _to_coin(class_id)
