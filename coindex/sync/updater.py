"""Bring a device's catalogue to the server's release: believe only what is signed, fetch beside, verify all, then move
the pointer.

What the pointer names is durable before the pointer is, and what the pointer named before is deleted after; so a crash
at any moment leaves one of the two, whole.
"""

import contextlib
import hashlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from coindex.catalog.delta import changed_records, read_delta
from coindex.catalog.files import DISK, Disk, exclusive, file_sha256, move_into_place, write_whole
from coindex.catalog.fresh import FRESH_NAME, write_fresh
from coindex.catalog.local import (
    POINTER_NAME,
    Layout,
    Pointer,
    default_home,
    metadata_folder,
    read_contents_of,
    read_manifest,
    read_pointer,
    read_target,
    target_path,
    targets_folder,
    write_pointer,
)
from coindex.catalog.release import MANIFEST_NAME, RECORDS_NAME, ReleaseManifest, Target, parse_manifest
from coindex.catalog.state import records_bytes
from coindex.errors import CatalogError, ModelError, ReleaseRejected, SyncError
from coindex.models import ModelIndex, read_index
from coindex.sync import rules
from coindex.sync.fetcher import Fetcher, RequestsFetcher
from coindex.sync.metadata import TARGETS_PATH, SignedTargets
from coindex.sync.trust import Refreshed, refresh

__all__ = ["Progress", "Route", "SyncReport", "sync"]

PARTIAL = ".part"

Progress = Callable[[int, int], None]
"""Told the bytes of missing files that are here, and those that there will be, as far as is known."""

Route = Literal["kept", "delta", "full"]
"""How a device came to the release's catalogue: it had it already, it followed a delta over its own shards, or it took
the release's own shards, fresh rows and records."""


@dataclass(frozen=True)
class SyncReport:
    """What a sync did. `from_version` is None on a device that had no catalogue. `bytes_downloaded` are those that came
    over the network, the metadata included; `bytes_reused` those of files that were here already; `bytes_saved` those
    that the full route would have cost beyond the one taken. `root_fingerprint` is that of the root this device has
    pinned, and `root_is_new` says that it did just now. `space_id` is the space of the models that are here now,
    `from_space_id` the one before where that was another."""

    from_version: int | None
    to_version: int
    bytes_downloaded: int
    bytes_reused: int
    up_to_date: bool
    route: Route = "full"
    bytes_saved: int = 0
    root_fingerprint: str = ""
    root_is_new: bool = False
    space_id: str = ""
    from_space_id: str | None = None


def sync(
    url: str,
    home: Path | None = None,
    *,
    root: bytes | None = None,
    max_bytes: int | None = None,
    keep_models: bool = False,
    fetcher: Fetcher | None = None,
    progress: Progress | None = None,
    disk: Disk = DISK,
) -> SyncReport:
    """Fetch what is missing of the server's release and make it the catalogue of `home`.

    `root` is the server's root as a file's bytes, which the first sync pins; without it the first sync trusts the root
    that the server shows. Where more than `max_bytes` of the release's files would have to come, none does. Models and
    catalogue move together to the space that the release recommends, or with `keep_models` stay on the one they are of
    for as long as it is published.

    Files that are here, whole, are not fetched again; a damaged one is. Whatever goes wrong, and whenever, the
    catalogue is the old one or the new one. Raises `SyncError` where the release cannot be fetched, takes too much, or
    no longer has the models to be kept, `ReleaseRejected` where it may not be used, and `CatalogError` where the folder
    is in use or its pointer damaged.
    """
    home = default_home() if home is None else home
    fetcher = RequestsFetcher(url, disk=disk) if fetcher is None else fetcher
    try:
        with exclusive(home, "syncing", disk=disk):
            return _Sync(fetcher, home, progress or (lambda here, total: None), max_bytes, disk).run(root, keep_models)
    except OSError as error:
        raise SyncError(
            f"{home}: cannot be written ({error.strerror}); the catalogue there is as whole as it was, make room or "
            "mend the disk and sync again"
        ) from error


@dataclass(frozen=True)
class _Ways:
    """How a catalogue can be reached: from the layout that is `here`, whole, None where there is none, perhaps by a
    `delta`; or as the release's `own` files, of which `cost` bytes are missing."""

    here: Layout | None
    delta: Target | None
    own: Layout
    cost: int

    def files(self, state_hash: str) -> tuple[Target, ...]:
        """The files that the cheapest way to this state takes."""
        if self.here and self.here.state_hash == state_hash:
            return ()
        return (self.delta,) if self.delta else self.own.files


class _Sync:
    """One sync of one folder: what it has fetched and made so far, and how far it is."""

    def __init__(self, fetcher: Fetcher, home: Path, progress: Progress, max_bytes: int | None, disk: Disk) -> None:
        self._fetcher, self._home, self._progress, self._disk = fetcher, home, progress, disk
        self._max_bytes = max_bytes
        self._held: set[Target] = set()
        self._new: set[Target] = set()
        self._here = self._total = self._transferred = 0

    def run(self, root: bytes | None, keep_models: bool) -> SyncReport:
        home, disk = self._home, self._disk
        trusted = read_pointer(home, disk=disk)
        space_id = self._space_id(trusted)
        disk.make_folder(targets_folder(home))
        disk.make_folder(metadata_folder(home))
        # The pointer met here may be one whose rename a sync before this could not make durable. It is from here on,
        # before anything is deleted that an older one needs; and so are the folders that the next one will speak of.
        disk.sync_folder(home)
        if trusted is None:
            with contextlib.suppress(PermissionError):  # who may not read the folder above did not make this one
                disk.sync_folder(home.parent)
        refreshed = refresh(self._fetcher, home, root=root, trust=trusted.trust if trusted else None, disk=disk)
        offered = refreshed.signed
        rules.check_targets(offered)
        self._look(dict.fromkeys((*offered.targets.values(), *(trusted.files if trusted else ()))))
        held = frozenset(self._held)
        try:
            pointer, manifest, route, cost = self._reach(trusted, refreshed, space_id if keep_models else None)
        except ReleaseRejected:
            self._delete(self._new - set(trusted.files if trusted else ()))
            raise
        if pointer != trusted:
            # A file found here may have got its name from a sync that was cut off before the name was durable.
            disk.sync_folder(targets_folder(home))
            disk.sync_folder(metadata_folder(home))
            write_pointer(home, pointer, disk=disk)
            # The old catalogue's files stay until the next one: a reader may just have opened the old pointer.
            self._delete_others((*pointer.files, *(trusted.files if trusted else ())))
        return SyncReport(
            from_version=trusted.version if trusted else None,
            to_version=pointer.version,
            bytes_downloaded=refreshed.transferred + self._transferred,
            bytes_reused=sum(file.length for file in pointer.files if file in held),
            up_to_date=trusted is not None and trusted.version == pointer.version and space_id == manifest.space_id,
            root_fingerprint=refreshed.trust.root_fingerprint,
            root_is_new=refreshed.first,
            space_id=manifest.space_id,
            from_space_id=space_id if space_id != manifest.space_id else None,
            route=route,
            bytes_saved=cost,
        )

    def _space_id(self, trusted: Pointer | None) -> str | None:
        """The space of the catalogue that is here, None where there is none or it is damaged."""
        with contextlib.suppress(CatalogError):
            return read_manifest(self._home, trusted, disk=self._disk).space_id if trusted else None
        return None

    def _reach(
        self, trusted: Pointer | None, refreshed: Refreshed, stay_on: str | None
    ) -> tuple[Pointer, ReleaseManifest, Route, int]:
        """The pointer to move to, whose every file is here and verified; its manifest, how it came about, and the bytes
        saved."""
        offered = refreshed.signed
        try:
            name, manifest = MANIFEST_NAME, self._manifest(offered.targets[MANIFEST_NAME])
            rules.check_release(trusted, offered, manifest)
            name = rules.name_of_space(offered, manifest, stay_on)
            if name != MANIFEST_NAME:
                recommended, manifest = manifest, self._manifest(offered.targets[name])
                rules.check_space(manifest, recommended, stay_on)
                rules.check_release(trusted, offered, manifest)
            companions = rules.companions(offered, name, manifest)
            models = companions[manifest.models_index]
            self._fetch([models])
            rules.check_models(offered, manifest, self._model_index(models))
            ways = self._ways(trusted, offered, manifest)
            self._afford((*companions.values(), *ways.files(manifest.state_hash)))
            self._fetch(companions.values())
            layout, route, saved = self._lay_out(manifest, trusted, ways)
        except (CatalogError, ModelError) as error:
            raise ReleaseRejected(f"the server's release: {error}") from None
        return Pointer(manifest.version, companions, layout, refreshed.trust), manifest, route, saved

    def _manifest(self, file: Target) -> ReleaseManifest:
        self._fetch([file])
        return parse_manifest(read_target(self._home, file, disk=self._disk))

    def _lay_out(self, manifest: ReleaseManifest, trusted: Pointer | None, ways: "_Ways") -> tuple[Layout, Route, int]:
        """The cheapest layout that gives the release's catalogue."""
        here, delta, own, cost = ways.here, ways.delta, ways.own, ways.cost
        if here and here.state_hash == manifest.state_hash:
            if trusted and trusted.version != manifest.version:
                rules.check_contents(read_contents_of(self._home, here, manifest, disk=self._disk))
            return here, "kept", cost
        if here and delta:
            before = self._transferred
            try:
                return self._follow(here, delta, manifest), "delta", max(cost - (self._transferred - before), 0)
            except (ReleaseRejected, CatalogError):
                # The release itself does not need its deltas to be right.
                pass
        self._fetch(own.files)
        rules.check_contents(read_contents_of(self._home, own, manifest, disk=self._disk))
        return own, "full", 0

    def _ways(self, trusted: Pointer | None, offered: SignedTargets, manifest: ReleaseManifest) -> "_Ways":
        """How the release's catalogue can be reached from what is here."""
        own = rules.own_layout(offered, manifest)
        cost = sum(file.length for file in rules.missing_files(own.files, self._held))
        here = trusted.layout if trusted and self._held.issuperset(trusted.layout.files) else None
        if here and here.state_hash == manifest.state_hash:
            return _Ways(here, None, own, cost)
        delta = rules.choose_delta(offered, manifest, here, cost=cost) if here else None
        return _Ways(here, delta, own, cost)

    def _follow(self, here: Layout, file: Target, manifest: ReleaseManifest) -> Layout:
        """The layout after a delta: the same shards, fresh rows and records made anew, which give the release's
        state."""
        self._fetch([file])
        delta = read_delta(read_target(self._home, file, disk=self._disk), name=file.name)
        old = read_contents_of(self._home, here, manifest, disk=self._disk)
        row_ids = np.concatenate([np.zeros(0, np.uint32), *(shard.rows.row_ids for shard in old.shards)])
        fresh = old.fresh.after(delta, row_ids)
        rules.check_fresh(fresh)
        records = changed_records(old.records, delta)
        rules.check_contents(replace(old, fresh=fresh, records=records))
        return Layout(
            state_hash=manifest.state_hash,
            shards=here.shards,
            fresh=self._keep(FRESH_NAME, write_fresh(fresh)) if len(fresh) else None,
            records=self._keep(RECORDS_NAME, records_bytes(records.values())),
        )

    def _keep(self, name: str, data: bytes) -> Target:
        """Store a file that was made here."""
        file = Target(name, len(data), hashlib.sha256(data).hexdigest())
        if file not in self._held:
            write_whole(target_path(self._home, file), data, disk=self._disk)
            self._new.add(file)
            self._look([file])
        return file

    def _model_index(self, file: Target) -> ModelIndex:
        return read_index(target_path(self._home, file), read=lambda _: read_target(self._home, file, disk=self._disk))

    def _look(self, files: Iterable[Target]) -> None:
        """Find out which files are here and whole."""
        for file in files:
            path = target_path(self._home, file)
            if self._disk.size(path) == file.length and file_sha256(path, disk=self._disk) == file.sha256:
                self._held.add(file)

    def _fetch(self, files: Iterable[Target]) -> None:
        """Bring the files that are missing, each durable and of its length and hash."""
        missing = rules.missing_files(files, self._held)
        self._afford(missing)
        self._total += sum(file.length for file in missing)
        for file in missing:
            path, partial = target_path(self._home, file), self._partial(file)
            self._download(file, partial)
            try:
                self._disk.sync_file(partial)
            except OSError:
                # After a failed sync the system may think clean what the disk never got: no later sync would mend it.
                self._disk.remove(partial)
                raise
            move_into_place(partial, path, disk=self._disk)
            self._new.add(file)
            self._held.add(file)

    def _afford(self, files: Iterable[Target]) -> None:
        """Raise `SyncError` where these files would take more than may come."""
        sizes = {file: self._disk.size(self._partial(file)) or 0 for file in rules.missing_files(files, self._held)}
        needed = self._transferred + sum(max(file.length - begun, 0) for file, begun in sizes.items())
        if self._max_bytes is not None and needed > self._max_bytes:
            raise SyncError(
                f"the release takes {needed} bytes more, {self._max_bytes} is the most that may come (--max-bytes); "
                "the catalogue here is as it was; allow more, or sync where it costs less"
            )

    def _partial(self, file: Target) -> Path:
        """Where a download gathers what it has."""
        path = target_path(self._home, file)
        return path.with_name(path.name + PARTIAL)

    def _download(self, file: Target, partial: Path) -> None:
        began = self._disk.size(partial) or 0
        if began > file.length:
            self._disk.remove(partial)
            began = 0
        self._count(began)
        self._transfer(file, partial)
        if began and file_sha256(partial, disk=self._disk) != file.sha256:
            # What lay there from an earlier sync may be what is wrong: once more from the start.
            self._disk.remove(partial)
            self._count(-file.length)
            self._transfer(file, partial)
        if file_sha256(partial, disk=self._disk) != file.sha256:
            self._disk.remove(partial)
            raise ReleaseRejected(f"{file.name}: the server sent another file than the one that is signed (SHA-256)")

    def _transfer(self, file: Target, partial: Path) -> None:
        if not file.length:
            self._disk.write(partial, b"")
        path = f"{TARGETS_PATH}/{file.stored_name}"
        try:
            self._transferred += self._fetcher.download(path, partial, length=file.length, progress=self._count)
        except ReleaseRejected:
            self._disk.remove(partial)
            raise

    def _count(self, came: int) -> None:
        self._here += came
        self._progress(self._here, self._total)

    def _delete(self, files: Collection[Target]) -> None:
        for file in files:
            self._disk.remove(target_path(self._home, file))

    def _delete_others(self, kept: Iterable[Target]) -> None:
        names, folder = {file.stored_name for file in kept}, targets_folder(self._home)
        for name in self._disk.names(folder):
            if name not in names:
                self._disk.remove(folder / name)
        for name in self._disk.names(self._home):
            if name.startswith(f".{POINTER_NAME}."):  # left beside the pointer by a sync that was cut off
                self._disk.remove(self._home / name)
