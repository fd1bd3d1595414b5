"""Which files of earlier releases stay, and the removal of the others."""

from itertools import islice
from pathlib import Path

from catalog_server import signing
from catalog_server.publishing.deltas import RELEASES_WITH_DELTAS
from catalog_server.publishing.precompress import COMPRESSED
from catalog_server.publishing.served import current_index, earlier_releases, read_release, targets_folder
from catalog_server.store import Store
from coindex.catalog.release import MANIFEST_FILE, ReleaseManifest
from coindex.sync.metadata import SignedTargets

__all__ = ["prune"]

WHOLE = 2
"""The release that is served, and the one before it: a phone may be in the middle of fetching that."""


def prune(store: Store) -> int:
    """Remove the files of releases that nothing needs any more, and return how many.

    Of the release that is served and the one before it, every file stays. Of the `RELEASES_WITH_DELTAS` before that,
    what the next release's deltas are made from: manifests, shards, fresh rows, records. Signed metadata stay as far
    back as their release does, roots for ever. Whoever calls this holds the store's "publishing" lock. Nothing is
    removed where what is served cannot be read.
    """
    kept: set[str] = set()
    oldest = None
    for number, (_, index) in enumerate(islice(earlier_releases(store), WHOLE + RELEASES_WITH_DELTAS)):
        oldest = index.version
        names = set(index.targets)
        if number >= WHOLE:
            manifests = {name for name in index.targets if MANIFEST_FILE.fullmatch(name)}
            needed = (_catalog_files(store, index, name) for name in manifests)
            names = manifests.union(*needed)
        kept |= {index.targets[name].stored_name for name in names if name in index.targets}
    served = current_index(store)
    if served is None or oldest is None or not kept.issuperset(file.stored_name for file in served.targets.values()):
        return 0
    folder = targets_folder(store)
    gone = [path for path in _files(folder) if path.name.removesuffix(COMPRESSED) not in kept]
    gone += [path for path in _files(signing.metadata_folder(store.releases)) if _is_older(path.name, oldest)]
    for path in gone:
        path.unlink(missing_ok=True)
    return len(gone)


def _catalog_files(store: Store, index: SignedTargets, name: str) -> tuple[str, ...]:
    """The files of a manifest from which a delta is made; none of a release in packs, which name them."""
    release = read_release(store, index, name)
    return release.catalog_files if isinstance(release, ReleaseManifest) else ()


def _is_older(name: str, oldest: int) -> bool:
    """Whether a file is the targets' metadata of a version before the oldest that stays."""
    version, _, rest = name.partition(".")
    return version.isdecimal() and rest.removesuffix(COMPRESSED) == "targets.json" and int(version) < oldest


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
