"""The parts of a release: for each embedding space its models, and the catalogue, whole or a pack at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy.orm import Session

from catalog_server.publishing.deltas import shelve_deltas
from catalog_server.publishing.served import MIN_RECALL, ServedSpace, served_release, served_space
from catalog_server.publishing.shelf import (
    Layout,
    Names,
    Shelf,
    lay_out,
    shelve_models,
    shelve_relief,
    shelve_thumbnails,
)
from catalog_server.store import Store, now
from coindex.catalog import CatalogState, Rows, state_hash
from coindex.catalog.graph_quality import choose_ef, sample_queries
from coindex.catalog.packs import PackEntry, Release, SplitRelease
from coindex.catalog.pointer import WHOLE
from coindex.catalog.release import ReleaseManifest, ReleaseRelief, Validation
from coindex.catalog.state import records_bytes
from coindex.errors import SpaceMismatch, StoreError
from coindex.models import INDEX_NAME, ModelIndex, load_models, read_index, try_nets
from coindex.sync.metadata import SignedTargets
from coindex.sync.rules import pack_bytes

__all__ = [
    "Packed",
    "Part",
    "Shared",
    "SpacePart",
    "complete",
    "is_still",
    "prepare",
    "references_of",
    "require_space",
    "shelve_shared",
]

QUERIES = 2_000
QUERIES_SEED = 20
"""Two thousand queries tell a recall of 0.999 from one of 0.997, and a small catalogue needs no more than it has rows;
the seed makes a choice of `ef` repeatable."""

Packed = tuple[str, Mapping[str, str], set[int]]
"""A pack's id, its names by language, and the classes in it."""


@dataclass(frozen=True, eq=False)
class Part:
    """One catalogue of a release: that of a space, or of a pack in it; its files are on the shelf but for what is
    measured."""

    names: Names
    state: CatalogState
    reached: str
    layout: Layout
    records: str
    served: ServedSpace | None

    @property
    def catalog_files(self) -> tuple[str, ...]:
        """Shards, fresh rows, records."""
        fresh = self.layout.fresh_name
        return (*self.layout.names, *((fresh,) if fresh else ()), self.records)


@dataclass(frozen=True, eq=False)
class SpacePart:
    """The part of a release that is of one space: its models, its whole state, and the catalogue in parts: one, or the
    packs, which have `called` for names. `served` is what its release.json says now."""

    names: Names
    index: ModelIndex
    models: tuple[str, ...]
    state: CatalogState
    reached: str
    parts: tuple[Part, ...]
    called: Mapping[str, Mapping[str, str]]
    served: Release | None

    @property
    def served_parts(self) -> list[ReleaseManifest]:
        """What is served of the parts, as far as it is."""
        return [part.served.manifest for part in self.parts if part.served]


def prepare(
    store: Store,
    models: Path,
    names: Names,
    state: CatalogState,
    packs: Sequence[Packed],
    index: SignedTargets | None,
    shelf: Shelf,
) -> SpacePart:
    """Lay out a space's catalogue, in packs where there are any, and its models. Raises `SpaceMismatch` and
    `ModelError`."""
    found = read_index(models / INDEX_NAME)
    require_space(found, state.space_id, models)
    try_nets(load_models(models))  # as every phone will before it takes them
    parts = []
    for pack_id, _, classes in packs or ((WHOLE, {}, set(state.records)),):
        part = state if pack_id == WHOLE else _of_classes(state, classes)
        named = Names(names.space_id, names.recommended, pack_id)
        served = served_space(store, index, state.space_id, pack_id)
        parts.append(
            Part(
                names=named,
                state=part,
                reached=state_hash(part),
                layout=lay_out(served, part.rows, named, shelf),
                records=shelf.add(named.records, records_bytes(part.records.values())),
                served=served,
            )
        )
    return SpacePart(
        names=names,
        index=found,
        models=shelve_models(models, found, names, shelf),
        state=state,
        reached=state_hash(state) if packs else parts[0].reached,
        parts=tuple(parts),
        called={pack_id: called for pack_id, called, _ in packs},
        served=served_release(store, index, state.space_id),
    )


def is_still(index: SignedTargets, spaces: Sequence[SpacePart], shelf: Shelf) -> bool:
    """Whether what is served is what these parts give."""
    parts = [part for space in spaces for part in space.parts]
    if any(part.served is None or part.served.name != part.names.manifest for part in parts):
        return False
    manifests = [part.served.manifest for part in parts if part.served]
    deltas = {delta.name for manifest in manifests for delta in manifest.deltas}
    own = {part.names.manifest for part in parts} | {space.names.manifest for space in spaces}
    others = {name: target for name, target in index.targets.items() if name not in own | deltas}
    return (
        all(part.served.holds(deltas) for part in parts if part.served)
        and others == shelf.targets
        and [part.reached for part in parts] == [manifest.state_hash for manifest in manifests]
        and all(each.code_scale == space.index.code_scale for space in spaces for each in space.served_parts)
        and all(_is_described(space, shelf) for space in spaces)
    )


@dataclass(frozen=True, eq=False)
class Shared:
    """What all spaces of a release have in common, for the same rows have the same pictures: the thumbnail packs of
    each part, and its relief maps by the relief net that made them."""

    thumbnails: Mapping[str, tuple[str, ...]]
    reliefs: Mapping[tuple[str, str], ReleaseRelief | None]


def shelve_shared(session: Session, spaces: Sequence[SpacePart], references: int | None, shelf: Shelf) -> Shared:
    """Shelve the pictures and the relief maps. Spaces whose models have one relief net share its maps."""
    most: dict[str, int] = {}
    for space in spaces:
        if space.index.relief:
            relief_id = space.index.relief.relief_id
            most[relief_id] = max(most.get(relief_id, 0), references_of(space.index, references))
    thumbnails: dict[str, tuple[str, ...]] = {}
    reliefs: dict[tuple[str, str], ReleaseRelief | None] = {}
    for number, part in enumerate(spaces[0].parts):
        served = [found for space in spaces if (found := space.parts[number].served)]
        pack_id, row_ids = part.names.pack_id, part.state.rows.row_ids
        thumbnails[pack_id] = shelve_thumbnails(session, next(iter(served), None), row_ids, part.names, shelf)
        for relief_id, each in most.items():
            packed = shelve_relief(session, served, relief_id, each, row_ids, part.names, shelf)
            reliefs[pack_id, relief_id] = packed
    return Shared(thumbnails, reliefs)


def complete(
    store: Store, space: SpacePart, version: int, shared: Shared, override: str | None, shelf: Shelf
) -> tuple[Release, tuple[ReleaseManifest, ...]]:
    """Measure the parts of a space, and shelve their deltas and manifests. Returns what its release.json says, and the
    manifests of its parts. Raises `StoreError` where graphs find too little."""
    created = now()
    manifests = tuple(_complete(store, space, part, version, created, shared, override, shelf) for part in space.parts)
    if not space.called:
        return manifests[0], manifests
    release = SplitRelease(
        version=version,
        created=created,
        space_id=space.state.space_id,
        models=space.models,
        rows=len(space.state.rows),
        classes=len(space.state.records),
        state_hash=space.reached,
        packs=tuple(_entry(space, part, each, shelf) for part, each in zip(space.parts, manifests, strict=True)),
    )
    shelf.add(space.names.manifest, release.to_bytes())
    return release, manifests


def require_space(index: ModelIndex, space_id: str, models: Path) -> None:
    """Check that models are of a space.

    Raises:
        SpaceMismatch: If they are not.
    """
    if index.space_id != space_id:
        raise SpaceMismatch(
            f"{models}: models of space {index.space_id}, the store's codes are of space {space_id}; publish with the "
            "models that they were imported with (--models)"
        )


def references_of(models: ModelIndex, wanted: int | None) -> int:
    """How many references a class have a map: so many, or as many as the models look at."""
    return wanted if wanted is not None else models.relief.look.references if models.relief else 0


def _of_classes(state: CatalogState, classes: set[int]) -> CatalogState:
    """The part of a state that is of some classes."""
    chosen = np.isin(state.rows.class_ids, sorted(classes))
    rows = Rows(state.rows.row_ids[chosen], state.rows.class_ids[chosen], state.rows.codes[chosen])
    records = {class_id: record for class_id, record in state.records.items() if class_id in classes}
    return CatalogState(state.space_id, rows, records)


def _entry(space: SpacePart, part: Part, manifest: ReleaseManifest, shelf: Shelf) -> PackEntry:
    """What the release says of a pack."""
    return PackEntry(
        pack_id=part.names.pack_id,
        names=dict(space.called[part.names.pack_id]),
        countries=tuple(sorted({record.country for record in part.state.records.values()})),
        manifest=part.names.manifest,
        rows=manifest.rows,
        classes=manifest.classes,
        bytes=pack_bytes(shelf.targets, manifest),
        state_hash=manifest.state_hash,
    )


def _is_described(space: SpacePart, shelf: Shelf) -> bool:
    """Whether the release that is served names the same packs, and says the same of each."""
    served = space.served
    if not isinstance(served, SplitRelease):
        return not space.called
    entries = (_entry(space, part, part.served.manifest, shelf) for part in space.parts if part.served)
    return served.packs == tuple(entries) and served.state_hash == space.reached


def _complete(
    store: Store,
    space: SpacePart,
    part: Part,
    version: int,
    created: str,
    shared: Shared,
    override: str | None,
    shelf: Shelf,
) -> ReleaseManifest:
    ef, validation = _measure(part.layout, part.state.rows, override, part.names.pack_id)
    pack_id, relief = part.names.pack_id, space.index.relief
    manifest = ReleaseManifest(
        version=version,
        created=created,
        space_id=part.state.space_id,
        code_scale=space.index.code_scale,
        open_set=None,
        models=space.models,
        shards=part.layout.names,
        fresh=part.layout.fresh_name,
        records=part.records,
        thumbnails=shared.thumbnails[pack_id],
        deltas=shelve_deltas(store, part.state, part.reached, part.served, part.catalog_files, part.names, shelf),
        state_hash=part.reached,
        rows=len(part.state.rows),
        classes=len(part.state.records),
        ef=ef,
        validation=validation,
        relief=shared.reliefs[pack_id, relief.relief_id] if relief else None,
        facts=any(coin.facts for coin in part.state.records.values()),
    )
    shelf.add(part.names.manifest, manifest.to_bytes())
    return manifest


def _measure(layout: Layout, rows: Rows, override: str | None, pack_id: str) -> tuple[int, Validation]:
    """Choose `ef`. Raises `StoreError` where even the widest search finds too little and nobody says why it may."""
    queries = sample_queries(rows, min(QUERIES, len(rows)), QUERIES_SEED)
    tombstones = layout.fresh.tombstones.tolist()
    choice = choose_ef(layout.shards, layout.fresh.rows, tombstones, queries, at_least=MIN_RECALL)
    if choice.recall_at_1 >= MIN_RECALL:
        override = None
    elif override is None:
        raise StoreError(
            f"the graphs{f' of pack {pack_id}' if pack_id else ''} find the nearest row for {choice.recall_at_1:.2%} "
            f"of {choice.queries} queries at the widest search; {MIN_RECALL:.1%} is the least. What is served is "
            "unchanged. See `coindex validate` for the worst queries; `--override REASON` publishes nevertheless, and "
            "the release carries the reason"
        )
    return choice.ef, Validation(choice.recall_at_1, choice.queries, override)
