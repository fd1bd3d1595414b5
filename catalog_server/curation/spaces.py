"""Embedding spaces: from a new model to a catalogue of its codes, beside the old one until that is ended.

A space is prepared (every photo is embedded by its models; what is added meanwhile gets codes in both), published
beside the current one, made current, and the old one ended when phones have moved. Each step is an operator's word.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog_server.curation.encoding import (
    Encode,
    EncodedPhoto,
    encode_file,
    encode_kept,
    encoding_threads,
    keep_models,
    photo_encoder,
)
from catalog_server.curation.relief_maps import keep_maps
from catalog_server.store import CodeRow, PhotoRow, SpaceRow, Store, now
from catalog_server.store.audit import record
from catalog_server.store.parts import DoPart, work_together
from coindex.errors import PhotoError, StoreError
from coindex.models import INDEX_NAME
from coindex.progress import Progress, no_progress

__all__ = [
    "ReembedReport",
    "Space",
    "end_space",
    "list_spaces",
    "missing_codes",
    "publish_space",
    "recommend_space",
    "reembed",
    "reembedding_parts",
]

MAX_NAMED = 10


@dataclass(frozen=True)
class Space:
    """An embedding space: its state, and how many of the live photos have a code in it."""

    space_id: str
    state: str
    created: str
    codes: int
    photos: int


@dataclass(frozen=True)
class ReembedReport:
    """What a re-embedding did: photos that were embedded, and those that had codes already."""

    space_id: str
    embedded: int
    already_there: int


def reembed(
    store: Store,
    models: Path,
    *,
    actor: str,
    encode: Encode | None = None,
    threads: int | None = None,
    progress: Progress = no_progress,
) -> ReembedReport:
    """Give every photo a code by the models of a folder, which the store keeps.

    A new space is prepared from now on. Codes are stored a batch at a time: after an interruption the same call goes on
    where it was.

    Args:
        encode: Stands for the models' own.

    Raises:
        PhotoError: If a live photo cannot be read, or the models find no coin in it. It names all such photos, after
            every other one is done.
        ModelError: If the models are missing or damaged.
        StoreError: If the store is empty.
    """
    with store.exclusive("re-embedding"):
        space_id = keep_models(store, models)
        encode = encode or photo_encoder(store.models_folder(space_id))
        with store.changing() as session:
            _prepare(session, space_id, actor)
        with store.reading() as session:
            had = len(_photos(session)) - len(missing_codes(session, space_id))
        embedded, problems = _embed_together(store, space_id, encode, had, threads, progress), dict[int, str]()
        # What was added while the models were changed is found by looking again.
        while missing := _still_missing(store, space_id, problems):
            total = embedded + len(problems) + len(missing)
            for encoded, failed in encode_kept(store, missing, {space_id: encode}, threads=threads):
                _keep(store, space_id, encoded)
                embedded += len(encoded)
                problems.update(failed)
                progress(had + embedded + len(problems), had + total)
        _require_all(store, problems)
    return ReembedReport(space_id, embedded, had)


def reembedding_parts(store: Store, space_id: str) -> DoPart | None:
    """Gives photos, by their rows, codes in a space; None where this process sees no models of it."""
    models = store.models_folder(space_id)
    return _parts(store, space_id, photo_encoder(models)) if (models / INDEX_NAME).is_file() else None


def list_spaces(store: Store) -> tuple[Space, ...]:
    """All spaces, the current one first, then the oldest."""
    with store.reading() as session:
        live = select(func.count(PhotoRow.row_id)).where(~PhotoRow.retired)
        photos = session.scalar(live) or 0
        codes = live.join(CodeRow, CodeRow.row_id == PhotoRow.row_id)
        return tuple(
            Space(
                space.space_id,
                space.state,
                space.created,
                session.scalar(codes.where(CodeRow.space_id == space.space_id)) or 0,
                photos,
            )
            for space in session.scalars(
                select(SpaceRow).order_by(SpaceRow.state != "current", SpaceRow.created, SpaceRow.space_id)
            )
        )


def publish_space(store: Store, space_id: str, *, actor: str) -> None:
    """Let the releases from now on carry a prepared space beside the current one.

    Raises:
        StoreError: If the space is not prepared, or live photos lack codes in it.
    """
    with store.changing() as session:
        space = _space(session, space_id, ("preparing",), "only a space that is being prepared can be published")
        live = set(session.scalars(select(PhotoRow.row_id).where(~PhotoRow.retired)))
        missing = live.intersection(missing_codes(session, space_id))
        if missing:
            raise StoreError(
                f"space {space_id}: {len(missing)} photos have no code in it yet; `coindex catalog reembed` goes on"
            )
        space.state = "published"
        record(session, actor=actor, action="space.publish", subject=f"space:{space_id}")


def recommend_space(store: Store, space_id: str, *, actor: str) -> None:
    """Make a published space the current one, to which phones move. The former one stays published.

    Raises:
        StoreError: If the space is not published.
    """
    with store.changing() as session:
        space = _space(session, space_id, ("published",), "publish it beside the current one first")
        before = session.scalar(select(SpaceRow).where(SpaceRow.state == "current"))
        if before is not None:
            before.state = "published"
            session.flush()  # there is one current space at any time
        space.state = "current"
        was = before.space_id if before else None
        record(session, actor=actor, action="space.recommend", subject=f"space:{space_id}", before=was)


def end_space(store: Store, space_id: str, *, actor: str) -> None:
    """Leave a space out of releases, and of photos that are added, from now on.

    Raises:
        StoreError: If it is the current one, or there is no such space.
    """
    with store.changing() as session:
        states = ("preparing", "published")
        space = _space(session, space_id, states, "phones are given the current one; make another current first")
        space.state = "ended"
        record(session, actor=actor, action="space.end", subject=f"space:{space_id}")


def missing_codes(session: Session, space_id: str) -> list[int]:
    """The rows, live or retired, that have no code in a space."""
    has = select(CodeRow.row_id).where(CodeRow.space_id == space_id)
    return list(session.scalars(select(PhotoRow.row_id).where(PhotoRow.row_id.not_in(has)).order_by(PhotoRow.row_id)))


def _embed_together(
    store: Store, space_id: str, encode: Encode, had: int, threads: int | None, progress: Progress
) -> int:
    """Embed what is missing together with whoever takes part; returns how many photos were. Those that cannot be are
    still missing then."""
    missing = [row_id for row_id, _ in _still_missing(store, space_id, {})]
    work_together(
        store,
        "reembed",
        space_id,
        missing,
        _parts(store, space_id, encode),
        threads=threads or encoding_threads(),
        progress=lambda done, total: progress(had + done, had + total),
    )
    return len(missing) - len(_still_missing(store, space_id, {})) if store.on_postgres else 0


def _parts(store: Store, space_id: str, encode: Encode) -> DoPart:
    def embed(row_ids: Sequence[int]) -> int:
        with store.reading() as session:
            found = session.execute(
                select(PhotoRow.row_id, PhotoRow.photo_sha256).where(PhotoRow.row_id.in_(row_ids))
            ).all()
        encoded = []
        for row_id, sha256 in found:
            # The leader comes upon what cannot be encoded again, and tells of it.
            with contextlib.suppress(PhotoError, StoreError):
                encoded.append((row_id, encode_file(store.photos.get(sha256), {space_id: encode})))
        _keep(store, space_id, encoded)
        return len(encoded)

    return embed


def _keep(store: Store, space_id: str, encoded: Sequence[tuple[int, EncodedPhoto]]) -> None:
    """Store the codes, and the maps, of photos that have none."""
    with store.changing() as session:
        wanted = CodeRow.row_id.in_([row_id for row_id, _ in encoded])
        there = set(session.scalars(select(CodeRow.row_id).where(CodeRow.space_id == space_id, wanted)))
        session.add_all(
            CodeRow(row_id=row_id, space_id=space_id, code=photo.codes[space_id].tobytes())
            for row_id, photo in encoded
            if row_id not in there
        )
        keep_maps(session, {row_id: photo.maps for row_id, photo in encoded})


def _prepare(session: Session, space_id: str, actor: str) -> None:
    if session.scalar(select(SpaceRow.space_id).where(SpaceRow.state == "current")) is None:
        raise StoreError("the store has no photos yet; import them, with the new models at once")
    space = session.get(SpaceRow, space_id)
    if space is not None and space.state != "ended":
        return
    if space is None:
        session.add(SpaceRow(space_id=space_id, state="preparing", created=now()))
    else:
        space.state = "preparing"
    record(session, actor=actor, action="space.prepare", subject=f"space:{space_id}")


def _still_missing(store: Store, space_id: str, problems: dict[int, str]) -> list[tuple[int, str]]:
    with store.reading() as session:
        missing = set(missing_codes(session, space_id)).difference(problems)
        return [(row_id, sha256) for row_id, sha256 in _photos(session) if row_id in missing]


def _photos(session: Session) -> list[tuple[int, str]]:
    found = session.execute(select(PhotoRow.row_id, PhotoRow.photo_sha256).order_by(PhotoRow.row_id))
    return [(row.row_id, row.photo_sha256) for row in found]


def _require_all(store: Store, problems: dict[int, str]) -> None:
    """Raise `PhotoError` where live photos could not be embedded: retired ones can be left."""
    with store.reading() as session:
        live = set(session.scalars(select(PhotoRow.row_id).where(~PhotoRow.retired)))
    told = [f"photo {row_id}: {reason}" for row_id, reason in problems.items() if row_id in live]
    if told:
        more = f"\n  … and {len(told) - MAX_NAMED} more" if len(told) > MAX_NAMED else ""
        raise PhotoError(
            f"{len(told)} photos have no code by these models; all others have. Retire them (`coindex catalog retire "
            "--photo ROW`) or bring their files back, and call this again\n  " + "\n  ".join(told[:MAX_NAMED]) + more
        )


def _space(session: Session, space_id: str, states: Sequence[str], otherwise: str) -> SpaceRow:
    space = session.get(SpaceRow, space_id)
    if space is None:
        raise StoreError(f"there is no space {space_id}; `coindex catalog spaces list` shows those there are")
    if space.state not in states:
        raise StoreError(f"space {space_id} is {space.state}; {otherwise}")
    return space
