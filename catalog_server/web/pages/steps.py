"""`/steps`: steps with many chosen coins or photos, with a preview before and an undo after."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from flask import abort, flash, redirect, render_template, request, url_for
from sqlalchemy import func, select
from werkzeug.wrappers import Response as AnyResponse

from catalog_server.accounts.accounts import Role
from catalog_server.curation import many
from catalog_server.curation.steps import Plan, Preview, find_step, preview, take_step, undoing
from catalog_server.store import CoinRow, PhotoRow
from catalog_server.web.pages.blueprint import pages
from catalog_server.web.pages.browse import chosen_filters, wanted_coins
from catalog_server.web.security import needs, signed_in
from catalog_server.web.state import state
from coindex.catalog.state import MAX_ID
from coindex.errors import CoindexError, ManifestError, StaleChange

STEP_ID = f"<int(max={MAX_ID}):step_id>"
LISTED = 60
"""The most coins of a step that its page shows. The counts include all of them."""
MOST = 100_000
"""The most coins or photos in one step. The server still takes a form with so many ids."""


@dataclass(frozen=True)
class Asked:
    """The request of a form: the action, its coins and photos, and its other fields."""

    action: str
    coins: tuple[int, ...]
    photos: tuple[int, ...]
    field: str
    value: str
    into: int
    spellings: tuple[str, ...]
    pack: str


@dataclass(frozen=True)
class _Action:
    """An action: how its plan is made, the text of its button, and a hint."""

    plan: Callable[[Asked], Plan]
    button: str
    hint: str = "Phones follow with the next release. You can undo this step."


ACTIONS: Mapping[str, _Action] = {
    "retire": _Action(lambda asked: many.retire_coins(asked.coins), "Retire them"),
    "restore": _Action(lambda asked: many.restore_coins(asked.coins), "Bring them back"),
    "rename": _Action(lambda asked: many.rename_coins(asked.coins, asked.field, asked.value), "Change them"),
    "spellings": _Action(
        lambda asked: many.unite_spellings(asked.field, asked.spellings, asked.value), "Use this spelling"
    ),
    "merge": _Action(lambda asked: many.merge_coins(asked.coins, asked.into), "Merge them"),
    "pack": _Action(lambda asked: many.pack_coins(asked.coins, asked.pack), "Put them there"),
    "move": _Action(lambda asked: many.move_photos(asked.photos, asked.into), "Move them"),
    "retire-photos": _Action(lambda asked: many.retire_photos(asked.photos), "Retire them"),
    "restore-photos": _Action(lambda asked: many.restore_photos(asked.photos), "Bring them back"),
    "year": _Action(lambda asked: many.describe_photos(asked.photos, year=asked.value), "Change them"),
    "specimen": _Action(lambda asked: many.describe_photos(asked.photos, specimen=asked.value), "Change them"),
}


@pages.post("/steps/preview")
@needs(Role.CURATOR)
def preview_step() -> str | tuple[str, int]:
    return _preview_page(_asked())


@pages.post("/steps")
@needs(Role.CURATOR)
def take_step_() -> AnyResponse | str | tuple[str, int]:
    asked, digest = _asked(), request.form.get("digest", "")
    try:
        step = take_step(state().store, _action(asked).plan(asked), actor=signed_in().actor, digest=digest)
    except StaleChange as error:
        return _preview_page(asked, problem=str(error), status=409)
    flash(f"{step.told}.", "good")
    return redirect(url_for("pages.step", step_id=step.step_id), 303)


@pages.get(f"/steps/{STEP_ID}")
@needs(Role.CURATOR)
def step(step_id: int) -> str:
    found = find_step(state().store, step_id)
    if found is None:
        abort(404, f"there is no step {step_id}")
    return render_template("step.html", step=found, listed=LISTED)


@pages.post(f"/steps/{STEP_ID}/undo")
@needs(Role.CURATOR)
def undo_step(step_id: int) -> AnyResponse:
    done = take_step(state().store, undoing(step_id), actor=signed_in().actor)
    flash("Undone. Everything is as it was before.", "good")
    return redirect(url_for("pages.step", step_id=done.step_id), 303)


def written_ids(ids: Iterable[int]) -> str:
    """Ids as one short text, such as `1-5,9`, ascending."""
    spans: list[list[int]] = []
    for each in sorted(set(ids)):
        if spans and spans[-1][1] == each - 1:
            spans[-1][1] = each
        else:
            spans.append([each, each])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


def read_ids(text: str) -> tuple[int, ...]:
    """Read ids that `written_ids` wrote.

    Raises:
        ManifestError: If one is not an id, or there are more than `MOST`.
    """
    ids: list[int] = []
    for span in filter(None, text.split(",")):
        first, dash, last = span.partition("-")
        ends = [
            int(end) for end in (first, last if dash else first) if end.isascii() and end.isdigit() and len(end) <= 10
        ]
        if len(ends) != 2 or not 1 <= ends[0] <= ends[1] <= MAX_ID:
            raise ManifestError(f"{span[:40]!r} is not the number of a coin or photo; choose again")
        if len(ids) + ends[1] - ends[0] >= MOST:
            raise ManifestError(f"more than {MOST} were chosen; choose fewer")
        ids += range(ends[0], ends[1] + 1)
    return tuple(ids)


def _asked() -> Asked:
    """The request of the form. Its coins are those that were ticked, or all that a search found."""
    form = request.form
    coins = (*read_ids(form.get("coins", "")), *read_ids(",".join(form.getlist("coin"))))
    photos = (*read_ids(form.get("photos", "")), *read_ids(",".join(form.getlist("photo"))))
    action = form.get("action", "")
    if form.get("all") and action in ("retire", "restore", "rename", "merge", "pack"):
        coins = _all_found()
    into = form.get("into", "").strip()
    return Asked(
        action,
        tuple(dict.fromkeys(coins)),
        tuple(dict.fromkeys(photos)),
        form.get("field", ""),
        form.get("value", "").strip(),
        read_ids(into)[0] if into else _fullest(coins),
        tuple(form.getlist("spelling")),
        form.get("pack", "").strip(),
    )


def _all_found() -> tuple[int, ...]:
    wanted = wanted_coins(chosen_filters(request.form), bool(request.form.get("retired")))
    with state().store.reading() as session:
        found = tuple(session.scalars(select(CoinRow.class_id).where(*wanted).order_by(CoinRow.class_id)))
    if len(found) > MOST:
        raise ManifestError(f"{len(found)} coin sides were found, at most {MOST} are allowed; narrow the search")
    return found


def _fullest(coins: tuple[int, ...]) -> int:
    """The coin with the most photos, the older one of two equal ones; 0 if there are no coins."""
    if not coins:
        return 0
    count = func.count(PhotoRow.row_id)
    some = PhotoRow.class_id.in_(coins[:1000])
    query = select(PhotoRow.class_id).where(some, ~PhotoRow.retired).group_by(PhotoRow.class_id)
    with state().store.reading() as session:
        return session.scalar(query.order_by(count.desc(), PhotoRow.class_id).limit(1)) or coins[0]


def _action(asked: Asked) -> _Action:
    if asked.action not in ACTIONS:
        raise ManifestError(f"{asked.action!r} is not an action of this page; go back and use a button")
    if asked.action == "spellings":
        chosen: tuple[object, ...] = asked.spellings
    else:
        of_photos = asked.action in ("move", "retire-photos", "restore-photos", "year", "specimen")
        chosen = asked.photos if of_photos else asked.coins
    if not chosen:
        raise ManifestError("nothing was chosen; go back and tick coins or photos")
    if asked.action == "move" and not asked.into:
        raise ManifestError("no class was named; go back and enter the class that the photos belong to")
    return ACTIONS[asked.action]


def _preview_page(asked: Asked, *, problem: str = "", status: int = 200) -> str | tuple[str, int]:
    action, found = _action(asked), Preview("", "", (), 0, 0)
    try:
        found = preview(state().store, action.plan(asked))
    except CoindexError as error:
        problem, status = str(error), 409
    hidden = {"action": asked.action, "field": asked.field, "value": asked.value, "pack": asked.pack}
    hidden["digest"] = found.digest
    ids = {"coins": written_ids(asked.coins), "photos": written_ids(asked.photos)}
    page = {"asked": asked, "action": action, "found": found, "problem": problem, "listed": LISTED, "merged": ()}
    if asked.action == "merge":
        page["merged"] = _names(asked.coins[:LISTED])
    else:
        hidden["into"] = str(asked.into or "")
    return render_template("step_preview.html", **page, hidden={**hidden, **ids}), status


def _names(class_ids: Iterable[int]) -> list[tuple[int, str, str]]:
    query = select(CoinRow.class_id, CoinRow.name, CoinRow.side).where(CoinRow.class_id.in_(class_ids))
    with state().store.reading() as session:
        return [(row.class_id, row.name, row.side) for row in session.execute(query.order_by(CoinRow.class_id))]
