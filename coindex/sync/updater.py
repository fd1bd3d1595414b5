"""Bring a device's catalogue to the server's release: fetch beside, verify all, then move the pointer."""

import hashlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from coindex.catalog.files import exclusive, file_sha256, move_into_place
from coindex.catalog.local import (
    Pointer,
    default_home,
    read_pointer,
    target_path,
    targets_folder,
    write_pointer,
)
from coindex.catalog.release import MANIFEST_NAME, Target, parse_manifest, read_contents
from coindex.errors import CatalogError, ModelError, ReleaseRejected, SyncError
from coindex.models import INDEX_NAME, read_index
from coindex.sync import rules
from coindex.sync.fetcher import Fetcher, RequestsFetcher
from coindex.sync.metadata import INDEX_PATH, MAX_INDEX_BYTES, TARGETS_PATH, ReleaseIndex, parse_index

__all__ = ["Progress", "SyncReport", "sync"]

PARTIAL = ".part"

Progress = Callable[[int, int], None]
"""Told the bytes of missing targets that are here, and those that there will be."""


@dataclass(frozen=True)
class SyncReport:
    """What a sync did. `from_version` is None on a device that had no catalogue; bytes are those that came over the
    network (the index included) and those of targets that were here already."""

    from_version: int | None
    to_version: int
    bytes_downloaded: int
    bytes_reused: int
    up_to_date: bool


def sync(
    url: str,
    home: Path | None = None,
    *,
    fetcher: Fetcher | None = None,
    progress: Progress | None = None,
) -> SyncReport:
    """Fetch what is missing of the server's release and make it the catalogue of `home`.

    Targets that are here, whole, are not fetched again; a damaged one is. Whatever goes wrong, and whenever, the
    catalogue is the old one or the new one. Raises `SyncError` where the release cannot be fetched, `ReleaseRejected`
    where it may not be used, and `CatalogError` where the folder is in use or its pointer damaged.
    """
    home = default_home() if home is None else home
    fetcher = RequestsFetcher(url) if fetcher is None else fetcher
    try:
        with exclusive(home, "syncing"):
            return _sync(fetcher, home, progress or (lambda here, total: None))
    except OSError as error:
        raise SyncError(f"{home}: cannot be written ({error.strerror}); the catalogue there is unchanged") from error


def _sync(fetcher: Fetcher, home: Path, progress: Progress) -> SyncReport:
    trusted = read_pointer(home)
    answer = fetcher.get(INDEX_PATH, most=MAX_INDEX_BYTES)
    offered = parse_index(answer)
    rules.check_index(trusted, offered)

    targets_folder(home).mkdir(parents=True, exist_ok=True)
    missing = rules.missing_targets(offered, _held(home, offered.targets.values()))
    transferred = _fetch(fetcher, home, missing, progress)
    up_to_date = trusted is not None and trusted.version == offered.version
    if not up_to_date:
        try:
            _check_release(home, offered)
        except ReleaseRejected:
            _delete_others(home, trusted.targets.values() if trusted else ())
            raise
        write_pointer(home, Pointer(offered.version, offered.targets))
        # The old release's files stay until the next one: a reader may just have opened the old pointer.
        old = trusted.targets.values() if trusted else ()
        _delete_others(home, [*offered.targets.values(), *old])
    total = sum(target.length for target in offered.targets.values())
    return SyncReport(
        from_version=trusted.version if trusted else None,
        to_version=offered.version,
        bytes_downloaded=len(answer) + transferred,
        bytes_reused=total - sum(target.length for target in missing),
        up_to_date=up_to_date,
    )


def _held(home: Path, targets: Iterable[Target]) -> set[str]:
    """Stored names of the targets that are here and whole."""
    held = set()
    for target in targets:
        path = target_path(home, target)
        if path.is_file() and path.stat().st_size == target.length and file_sha256(path) == target.sha256:
            held.add(target.stored_name)
    return held


def _fetch(fetcher: Fetcher, home: Path, targets: Collection[Target], progress: Progress) -> int:
    total = sum(target.length for target in targets)
    here = transferred = 0

    def count(came: int) -> None:
        nonlocal here
        here += came
        progress(here, total)

    for target in targets:
        path = target_path(home, target)
        partial = path.with_name(path.name + PARTIAL)
        if partial.is_file() and partial.stat().st_size > target.length:
            partial.unlink()
        resumed = partial.is_file() and partial.stat().st_size
        count(partial.stat().st_size if resumed else 0)
        transferred += _download(fetcher, target, partial, count)
        if resumed and file_sha256(partial) != target.sha256:
            # What lay there from an earlier sync may be what is wrong: once more from the start.
            partial.unlink()
            count(-target.length)
            transferred += _download(fetcher, target, partial, count)
        if file_sha256(partial) != target.sha256:
            partial.unlink()
            raise ReleaseRejected(f"{target.name}: the server sent another file than its index describes (SHA-256)")
        move_into_place(partial, path)
    return transferred


def _download(fetcher: Fetcher, target: Target, partial: Path, count: Callable[[int], None]) -> int:
    path = f"{TARGETS_PATH}/{target.stored_name}"
    try:
        return fetcher.download(path, partial, length=target.length, progress=count)
    except ReleaseRejected:
        partial.unlink(missing_ok=True)
        raise


def _check_release(home: Path, offered: ReleaseIndex) -> None:
    def read(name: str) -> bytes:
        data = target_path(home, offered.targets[name]).read_bytes()
        if hashlib.sha256(data).hexdigest() != offered.targets[name].sha256:
            raise ReleaseRejected(f"{name}: changed on the disk while it was synced; sync again")
        return data

    try:
        manifest = parse_manifest(read(MANIFEST_NAME))
        rules.check_manifest(offered, manifest)
        rules.check_models(offered, manifest, read_index(target_path(home, offered.targets[INDEX_NAME])))
        rules.check_contents(read_contents(manifest, read))
    except (CatalogError, ModelError) as error:
        raise ReleaseRejected(f"release {offered.version}: {error}") from None


def _delete_others(home: Path, kept: Iterable[Target]) -> None:
    names = {target.stored_name for target in kept}
    for path in targets_folder(home).iterdir():
        if path.name not in names:
            path.unlink(missing_ok=True)
