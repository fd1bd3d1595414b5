"""Replace a device's catalogue by the server's release: trust only signed files, download them beside the old ones,
verify everything, then move the pointer.

The new files are durable before the pointer is, and the old files are deleted after it. So a crash at any moment leaves
the old or the new catalogue, complete.
"""

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coindex.catalog.local import default_home, read_contents_of, read_release
from coindex.catalog.packs import Release, parse_release
from coindex.catalog.pointer import (
    WHOLE,
    Layout,
    Pointer,
    SplitLayout,
    metadata_folder,
    read_pointer,
    read_target,
    target_path,
    targets_folder,
    write_pointer,
)
from coindex.catalog.release import MANIFEST_NAME, ReleaseManifest, Target, parse_manifest
from coindex.disk import DISK, Disk, exclusive
from coindex.errors import CatalogError, ModelError, ReleaseRejected, SyncError
from coindex.models import ModelFile, ModelIndex, load_nets, read_index, try_nets
from coindex.progress import Progress, no_progress
from coindex.sync import rules
from coindex.sync.bundle import BundleFetcher
from coindex.sync.fetcher import Fetcher, RequestsFetcher
from coindex.sync.files import DeviceFiles
from coindex.sync.metadata import TARGETS_PATH, SignedTargets
from coindex.sync.reports import PackList, SyncReport, offers_of
from coindex.sync.routes import Reached, Route, find_ways, lay_out
from coindex.sync.trust import Refreshed, refresh

__all__ = ["list_packs", "sync"]

Asked = Sequence[str] | None
"""The packs to take: their ids, `rules.ALL`, or None for those that the device took before."""


def sync(
    url: str,
    home: Path | None = None,
    *,
    root: bytes | None = None,
    max_bytes: int | None = None,
    keep_models: bool = False,
    packs: Sequence[str] | None = None,
    fetcher: Fetcher | None = None,
    progress: Progress = no_progress,
    disk: Disk = DISK,
) -> SyncReport:
    """Download the missing files of the server's release, and make it the catalogue of `home`.

    Intact files are not downloaded again, damaged ones are. Models and catalogue move to another embedding space
    together. After any failure, at any moment, the catalogue is the old one or the new one.

    Args:
        url: The server's address, or the path of a bundle. Both are checked by the same rules.
        home: The device's folder; `default_home()` if it is None.
        root: The server's root, as a file's bytes, which the first sync pins. Without it the first sync trusts the
            root that the server shows.
        max_bytes: The most bytes of the release's files to download. If they are more, nothing is downloaded.
        keep_models: Stay on the embedding space of the models here, as long as it is published. Otherwise the device
            moves to the space that the release recommends.
        packs: The ids of the packs to take from now on, or "all". Without it the device takes the same packs as
            before, and all packs the first time.
        fetcher: Where files come from, in place of `url`.
        progress: Called with the bytes of missing files that are here, and with all of them as far as is known.
        disk: The file system.

    Returns:
        What changed, and how many bytes it took.

    Raises:
        SyncError: If the release cannot be downloaded, is larger than `max_bytes`, or no longer has the models to keep
            or a pack to take.
        ReleaseRejected: If the release may not replace the catalogue here.
        Busy: If another process syncs the folder.
        CatalogError: If the folder's pointer is damaged.
    """
    home = default_home() if home is None else home
    with _begun(url, home, fetcher, disk) as found:
        return _Sync(found, home, progress, max_bytes, disk).run(root, keep_models, packs)


def list_packs(
    url: str,
    home: Path | None = None,
    *,
    root: bytes | None = None,
    keep_models: bool = False,
    fetcher: Fetcher | None = None,
    disk: Disk = DISK,
) -> PackList:
    """List the packs of the server's release without downloading any. The catalogue of `home` does not change.

    Args:
        url: The server's address, or the path of a bundle.
        home: The device's folder; `default_home()` if it is None.
        root: The server's root, as for `sync`.
        keep_models: List the packs of the space of the models here.
        fetcher: Where files come from, in place of `url`.
        disk: The file system.

    Raises:
        SyncError: If the release cannot be downloaded.
        ReleaseRejected: If it may not be used.
        Busy: If another process syncs the folder.
        CatalogError: If the folder's pointer is damaged.
    """
    home = default_home() if home is None else home
    with _begun(url, home, fetcher, disk) as found:
        return _Sync(found, home, no_progress, None, disk).list_packs(root, keep_models)


@contextlib.contextmanager
def _begun(url: str, home: Path, fetcher: Fetcher | None, disk: Disk) -> Iterator[Fetcher]:
    """The fetcher of a release. Within the block no other process can sync the folder."""
    try:
        with contextlib.ExitStack() as stack:
            if fetcher is None and _is_file(url):
                fetcher = stack.enter_context(BundleFetcher(Path(url), disk=disk))
            fetcher = fetcher or RequestsFetcher(url, disk=disk)
            stack.enter_context(exclusive(home, "syncing", disk=disk))
            yield fetcher
    except OSError as error:
        raise SyncError(
            f"{home}: cannot be written ({error.strerror}); the catalogue there did not change; free some space or "
            "repair the disk, then sync again"
        ) from error


def _is_file(source: str) -> bool:
    """Whether a source is a file. An address can be too long for a path, or have characters that no path may have."""
    with contextlib.suppress(OSError, ValueError):
        return Path(source).is_file()
    return False


@dataclass(frozen=True)
class _Part:
    """A catalogue of a release: the only one, or that of a pack, with the `name` of the pack's manifest."""

    pack_id: str
    name: str
    manifest: ReleaseManifest


@dataclass(frozen=True)
class _Reached:
    """The new pointer, and how each of its parts was reached."""

    pointer: Pointer
    release: Release
    parts: tuple[_Part, ...]
    ways: Sequence[Reached]

    @property
    def route(self) -> Route:
        """The most expensive route of the parts."""
        return max((way.route for way in self.ways), key=("kept", "delta", "full").index)

    @property
    def saved(self) -> int:
        """The bytes that the routes saved together."""
        return sum(way.saved for way in self.ways)


class _Sync:
    """One sync of one folder, with the files that it has downloaded and made so far."""

    def __init__(self, fetcher: Fetcher, home: Path, progress: Progress, max_bytes: int | None, disk: Disk) -> None:
        self._fetcher, self._home, self._disk = fetcher, home, disk
        self._files = DeviceFiles(fetcher, home, progress, max_bytes, disk)

    def run(self, root: bytes | None, keep_models: bool, packs: Asked) -> SyncReport:
        home, disk = self._home, self._disk
        trusted, refreshed = self._refresh(root)
        space_id = self._space_id(trusted)
        held = frozenset(self._files.held)
        try:
            stay_on = space_id if keep_models else None
            reached = self._reach(trusted, refreshed, stay_on, packs)
        except ReleaseRejected:
            self._files.delete(self._files.new - set(trusted.files if trusted else ()))
            raise
        pointer, models = reached.pointer, reached.parts[0].manifest.space_id
        if pointer != trusted:
            # An interrupted sync may have named a file that is found here before the name was durable.
            disk.sync_folder(targets_folder(home))
            disk.sync_folder(metadata_folder(home))
            write_pointer(home, pointer, disk=disk)
            # The old catalogue's files stay until the next sync: a reader may just have opened the old pointer.
            self._files.delete_others((*pointer.files, *(trusted.files if trusted else ())))
        had = trusted.layout.parts.keys() if trusted else ()
        return SyncReport(
            from_version=trusted.version if trusted else None,
            to_version=pointer.version,
            bytes_downloaded=refreshed.transferred + self._files.transferred,
            bytes_reused=sum(file.length for file in pointer.files if file in held),
            up_to_date=trusted is not None
            and (trusted.version, space_id, had) == (pointer.version, models, pointer.layout.parts.keys()),
            root_fingerprint=refreshed.trust.root_fingerprint,
            root_is_new=refreshed.first,
            space_id=models,
            from_space_id=space_id if space_id != models else None,
            route=reached.route,
            bytes_saved=reached.saved,
            packs=offers_of(reached.release, pointer),
        )

    def list_packs(self, root: bytes | None, keep_models: bool) -> PackList:
        """List what the release offers, without downloading any of its packs."""
        trusted, refreshed = self._refresh(root)
        offered = refreshed.signed
        try:
            _, release = self._release(trusted, offered, self._space_id(trusted) if keep_models else None)
        except CatalogError as error:
            raise ReleaseRejected(f"the server's release: {error}") from None
        shared = [offered.targets[name] for name in release.models if name in offered.targets]
        return PackList(
            version=release.version,
            shared_bytes=sum(file.length for file in shared),
            packs=offers_of(release, trusted),
            root_fingerprint=refreshed.trust.root_fingerprint,
            root_is_new=refreshed.first,
        )

    def _refresh(self, root: bytes | None) -> tuple[Pointer | None, Refreshed]:
        """The pointer of this device, and the server's verified offer. `self._files` then knows which files of both are
        here."""
        home, disk = self._home, self._disk
        trusted = read_pointer(home, disk=disk)
        disk.make_folder(targets_folder(home))
        disk.make_folder(metadata_folder(home))
        # An earlier sync may have failed to make the rename of this pointer durable. It must be durable before files
        # are deleted that an older pointer needs. The same holds for the folders that the next pointer names.
        disk.sync_folder(home)
        if trusted is None:
            with contextlib.suppress(PermissionError):  # a user who may not read the parent did not make this folder
                disk.sync_folder(home.parent)
        refreshed = refresh(self._fetcher, home, root=root, trust=trusted.trust if trusted else None, disk=disk)
        rules.check_targets(refreshed.signed)
        known = (*refreshed.signed.targets.values(), *(trusted.files if trusted else ()))
        self._files.look(dict.fromkeys(known))
        return trusted, refreshed

    def _space_id(self, trusted: Pointer | None) -> str | None:
        """The space of the catalogue here, None if there is none or it is damaged."""
        with contextlib.suppress(CatalogError):
            return read_release(self._home, trusted, disk=self._disk).space_id if trusted else None
        return None

    def _reach(self, trusted: Pointer | None, refreshed: Refreshed, stay_on: str | None, packs: Asked) -> "_Reached":
        """Download and verify every file of the new pointer."""
        offered = refreshed.signed
        try:
            name, release = self._release(trusted, offered, stay_on)
            parts, chosen = self._parts(trusted, offered, release, packs)
            manifest = parts[0].manifest
            index_file = offered.targets[manifest.models_index]
            self._files.fetch([index_file])
            models = self._model_index(index_file)
            companions = {name: offered.targets[name]}
            for part in parts:
                rules.check_models(offered, part.manifest, models)
                companions |= rules.companions(offered, part.name or name, part.manifest, models)
            here = trusted.layout.parts if trusted else {}
            ways = [find_ways(self._files, here.get(part.pack_id), offered, part.manifest) for part in parts]
            wanted = [way.files(part.manifest.state_hash) for way, part in zip(ways, parts, strict=True)]
            self._files.afford((*companions.values(), *itertools.chain(*wanted)))
            nets = [companions[net] for net in manifest.models]
            if trusted is None or not set(nets) <= set(trusted.targets.values()):
                # First, so that nets that cannot run are found before the rest is downloaded for nothing.
                self._files.fetch(nets)
                self._try_nets(manifest, models, companions)
            self._files.fetch(companions.values())
            for part in parts:
                self._check_maps(part.manifest, companions, trusted)
            verified = trusted is not None and trusted.version == manifest.version
            reached = [
                lay_out(self._files, self._home, way, part.manifest, verified=verified, disk=self._disk)
                for way, part in zip(ways, parts, strict=True)
            ]
            layouts = {part.pack_id: each.layout for part, each in zip(parts, reached, strict=True)}
            layout = self._joint(trusted, release, parts, layouts, chosen)
        except (CatalogError, ModelError) as error:
            raise ReleaseRejected(f"the server's release: {error}") from None
        return _Reached(Pointer(release.version, companions, layout, refreshed.trust), release, parts, reached)

    def _release(self, trusted: Pointer | None, offered: SignedTargets, stay_on: str | None) -> tuple[str, Release]:
        """The release to follow, and the name of its `release.json`."""
        release = self._fetched_release(offered.targets[MANIFEST_NAME])
        rules.check_follows(trusted, offered, release)
        name = rules.name_of_space(offered, release, stay_on)
        if name != MANIFEST_NAME:
            recommended, release = release, self._fetched_release(offered.targets[name])
            rules.check_space(release, recommended, stay_on)
            rules.check_follows(trusted, offered, release)
        return name, release

    def _fetched_release(self, file: Target) -> Release:
        self._files.fetch([file])
        return parse_release(read_target(self._home, file, disk=self._disk))

    def _parts(
        self, trusted: Pointer | None, offered: SignedTargets, release: Release, asked: Asked
    ) -> tuple[tuple["_Part", ...], tuple[str, ...] | None]:
        """The parts of the release that the device takes, and the chosen packs, None for all."""
        if isinstance(release, ReleaseManifest):
            if asked not in (None, rules.ALL):
                raise SyncError(f"release {release.version} is not in packs; sync without --packs")
            rules.check_files(offered, release)
            return (_Part(WHOLE, "", release),), None
        chosen = rules.chosen_packs(release, trusted, asked, lambda name: self._is_there(offered, name))
        taken = [pack for pack in release.packs if chosen is None or pack.pack_id in chosen]
        lacking = [pack.manifest for pack in taken if pack.manifest not in offered.targets]
        if lacking:
            raise ReleaseRejected(f"release {release.version} lacks {', '.join(lacking)}; publish it again")
        self._files.fetch(offered.targets[pack.manifest] for pack in taken)
        parts = []
        for pack in taken:
            manifest = parse_manifest(read_target(self._home, offered.targets[pack.manifest], disk=self._disk))
            rules.check_pack(offered, release, pack, manifest)
            parts.append(_Part(pack.pack_id, pack.manifest, manifest))
        return tuple(parts), chosen

    def _is_there(self, offered: SignedTargets, name: str) -> bool:
        """Whether a file is here or can probably be downloaded. A bundle can lack some packs."""
        file = offered.targets.get(name)
        if file is None or file in self._files.held or not isinstance(self._fetcher, BundleFetcher):
            return True
        return self._fetcher.has(f"{TARGETS_PATH}/{file.stored_name}")

    def _joint(
        self,
        trusted: Pointer | None,
        release: Release,
        parts: Sequence["_Part"],
        layouts: Mapping[str, Layout],
        chosen: tuple[str, ...] | None,
    ) -> Layout | SplitLayout:
        """The layout of all parts together."""
        if isinstance(release, ReleaseManifest):
            return layouts[WHOLE]
        if trusted and trusted.version == release.version and trusted.layout.parts == layouts:
            return SplitLayout(trusted.layout.state_hash, layouts, chosen)
        contents = [
            read_contents_of(self._home, layouts[part.pack_id], part.manifest, disk=self._disk) for part in parts
        ]
        return SplitLayout(rules.joint_hash(release, contents), layouts, chosen)

    def _check_maps(self, manifest: ReleaseManifest, companions: Mapping[str, Target], trusted: Pointer | None) -> None:
        """Check every map of the relief packs that the catalogue here does not have."""
        had = set(trusted.files) if trusted else set()
        if (relief := manifest.relief) is None:
            return
        for pack in relief.packs:
            file = companions.get(pack.name)
            if file and file not in had:
                rules.check_relief_pack(relief, pack, read_target(self._home, file, disk=self._disk))

    def _try_nets(self, manifest: ReleaseManifest, index: ModelIndex, files: Mapping[str, Target]) -> None:
        """Load the nets and run each once, while the catalogue here still has its own."""

        def find(model: ModelFile) -> Path:
            return target_path(self._home, files[model.file])

        def read(path: Path) -> bytes:
            with self._disk.open(path) as file:
                return file.read()

        try:
            try_nets(load_nets(index, find, read=read))
        except ModelError as error:
            raise ReleaseRejected(
                f"the nets of release {manifest.version} cannot run on this device: {error}; the catalogue here still "
                "works. Update coindex, or ask the server's operator"
            ) from None

    def _model_index(self, file: Target) -> ModelIndex:
        return read_index(target_path(self._home, file), read=lambda _: read_target(self._home, file, disk=self._disk))
