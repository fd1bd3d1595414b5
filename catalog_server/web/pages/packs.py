"""`/packs`: curators divide the catalogue into packs, which devices can download separately."""

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from catalog_server.accounts.accounts import Role
from catalog_server.curation import packs as curation
from catalog_server.store import CoinRow
from catalog_server.web.pages.blueprint import pages
from catalog_server.web.security import needs, signed_in
from catalog_server.web.state import state
from coindex.errors import StoreError

LANGUAGES = {"en": "English", "de": "German", "pl": "Polish"}
"""The languages of the phone app. The command and the API take others too."""


@pages.get("/packs")
@needs(Role.CURATOR)
def packs() -> str:
    found = curation.list_packs(state().store)
    with state().store.reading() as session:
        query = select(CoinRow.country).where(~CoinRow.retired).distinct().order_by(CoinRow.country)
        countries = list(session.scalars(query))
    within = {country: pack.pack_id for pack in found for country in pack.countries}
    return render_template(
        "packs.html",
        packs=found,
        rest=curation.REST,
        languages=LANGUAGES,
        countries=[(country, within.get(country, "")) for country in countries],
    )


@pages.post("/packs")
@needs(Role.CURATOR)
def change_packs() -> Response:
    store, actor, form = state().store, signed_in().actor, request.form
    change, pack_id = form.get("change", ""), form.get("pack", "").strip()
    if change == "by-country":
        made = curation.packs_by_country(store, actor=actor)
        told = f"Made {len(made)} packs." if made else "Every country is already in a pack."
    elif change == "clear":
        told = f"Removed {curation.clear_packs(store, actor=actor)} packs: a release is one catalogue now."
    elif change == "set":
        names = {language: form.get(f"name-{language}", "").strip() for language in LANGUAGES}
        curation.set_pack(store, pack_id, {key: name for key, name in names.items() if name}, actor=actor)
        told = f"Saved pack {pack_id}."
    elif change == "remove":
        curation.remove_pack(store, pack_id, actor=actor)
        told = f"Removed pack {pack_id}."
    elif change == "country":
        told = _moved([form.get("country", "")], [], pack_id)
    elif change == "coin":
        told = _moved([], [_class_id()], pack_id)
    else:
        raise StoreError(f"{change!r} is not a change of packs; use the buttons of the page")
    flash(f"{told} Phones see it with the next release.", "good")
    return redirect(url_for("pages.packs"), 303)


def _moved(countries: list[str], coins: list[int], pack_id: str) -> str:
    store, actor = state().store, signed_in().actor
    if pack_id:
        curation.put_in_pack(store, pack_id, countries=countries, coins=coins, actor=actor)
    else:
        curation.take_out_of_packs(store, countries=countries, coins=coins, actor=actor)
    return f"Moved to pack {pack_id}." if pack_id else "Removed from its pack."


def _class_id() -> int:
    given = request.form.get("coin", type=int)
    if given is None:
        raise StoreError("enter the number of a class, as the coin's page shows it")
    return given
