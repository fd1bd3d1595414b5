"""`/proposals`: look at coins that collectors propose, accept or reject them, or upload a proposal as a file."""

from collections.abc import Mapping

from flask import Response, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from catalog_server.accounts.accounts import Role
from catalog_server.curation.proposals import (
    MAX_PROPOSAL_BYTES,
    Proposal,
    accept_photos,
    add_proposal,
    find_proposal,
    list_proposals,
    proposal_photo,
    read_proposal,
    reject_proposal,
)
from catalog_server.store import CoinRow
from catalog_server.web.pages.blueprint import pages
from catalog_server.web.security import needs, signed_in, takes
from catalog_server.web.state import state
from coindex.catalog.state import MAX_ID
from coindex.errors import CoindexError, ManifestError
from coindex.facts import FACTS
from coindex.manifest import LABEL_FIELDS, SIDES, CoinClass

PROPOSAL_ID = f"<int(max={MAX_ID}):proposal_id>"
LISTED = 200
DECIDED = 50


@pages.get("/proposals")
@needs(Role.CURATOR)
def proposals() -> str:
    waiting = list_proposals(state().store, waiting=True, limit=LISTED)
    decided = list_proposals(state().store, waiting=False, limit=DECIDED)
    return render_template("proposals.html", waiting=waiting, decided=decided, takes=state().takes_proposals)


@pages.post("/proposals")
@takes(MAX_PROPOSAL_BYTES)
@needs(Role.CURATOR)
def upload_proposal() -> AnyResponse:
    file = request.files.get("file")
    if file is None or not file.filename:
        raise ManifestError("nothing was uploaded: choose the file that a collector sent you")
    kept = add_proposal(state().store, read_proposal(file.stream), actor=signed_in().actor)
    return redirect(url_for("pages.proposal", proposal_id=kept.proposal_id), 303)


@pages.get(f"/proposals/{PROPOSAL_ID}")
@needs(Role.CURATOR)
def proposal(proposal_id: int) -> str:
    return _page(_found(proposal_id))


@pages.get(f"/proposals/{PROPOSAL_ID}/photos/<int(max={MAX_ID}):photo_id>")
@needs(Role.CURATOR)
def proposed_photo(proposal_id: int, photo_id: int) -> Response:
    data = proposal_photo(state().store, proposal_id, photo_id)
    if data is None:
        abort(404, "there is no such photo, or somebody has already decided about it")
    return Response(data, content_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


@pages.post(f"/proposals/{PROPOSAL_ID}/accept")
@needs(Role.CURATOR)
def accept_proposal(proposal_id: int) -> AnyResponse | tuple[str, int]:
    found, form = _found(proposal_id), request.form
    photo_ids = request.form.getlist("photo", type=int)
    store, is_there = state().store, form.get("to") == "class"
    try:
        class_id = accept_photos(
            store,
            proposal_id,
            photo_ids,
            state().curator.encoders(),
            actor=signed_in().actor,
            class_id=_class_id() if is_there else None,
            label=None if is_there else CoinClass(*(form.get(name, "").strip() for name in LABEL_FIELDS)),
            design=form.get("design", "").strip(),
            facts={name: form[name] for name in FACTS if name in form},
            year=form.get("year", "").strip(),
            specimen=form.get("specimen", "").strip(),
        )
    except CoindexError as error:
        return _page(found, given=dict(form), chosen=photo_ids, problem=str(error)), 422
    flash(f"Added {len(photo_ids)} of its photos to class {class_id}.", "good")
    left = find_proposal(store, proposal_id)
    if left and left.state == "waiting":
        return redirect(url_for("pages.proposal", proposal_id=proposal_id), 303)
    return redirect(url_for("pages.coin", class_id=class_id), 303)


@pages.post(f"/proposals/{PROPOSAL_ID}/reject")
@needs(Role.CURATOR)
def reject_proposal_(proposal_id: int) -> AnyResponse | tuple[str, int]:
    found, word = _found(proposal_id), request.form.get("word", "").strip()
    try:
        reject_proposal(state().store, proposal_id, actor=signed_in().actor, word=word)
    except CoindexError as error:
        return _page(found, problem=str(error)), 422
    flash("Rejected. The remaining photos were deleted.", "good")
    return redirect(url_for("pages.proposals"), 303)


def _class_id() -> int:
    given = request.form.get("class_id", type=int)
    if given is None or not 1 <= given <= MAX_ID:
        raise ManifestError("class: enter the number of a class of the catalogue")
    return given


def _found(proposal_id: int) -> Proposal:
    found = find_proposal(state().store, proposal_id)
    if found is None:
        abort(404, f"there is no proposal {proposal_id}")
    return found


def _page(
    found: Proposal, *, given: Mapping[str, str] | None = None, chosen: list[int] | None = None, problem: str = ""
) -> str:
    """The page of a proposal. `given` and `chosen` are the fields and photos of a form that failed."""
    values = dict(given or found.fields)
    like = [getattr(CoinRow, name) == values.get(name, "") for name in LABEL_FIELDS if name != "side"]
    with state().store.reading() as session:
        # The collector's coin may be in the catalogue already: offer its classes.
        same = list(
            session.execute(select(CoinRow.class_id, CoinRow.name, CoinRow.side).where(~CoinRow.retired, *like))
        )
    return render_template(
        "proposal.html",
        proposal=found,
        values=values,
        chosen=found.photo_ids if chosen is None else chosen,
        same=same,
        sides=SIDES,
        problem=problem,
    )
