"""What a sync did, and what packs a release offers."""

from dataclasses import dataclass

from coindex.catalog.packs import Release, SplitRelease
from coindex.catalog.pointer import Pointer
from coindex.sync.routes import Route

__all__ = ["PackList", "PackOffer", "SyncReport", "offers_of"]


@dataclass(frozen=True)
class PackOffer:
    """A pack of a release: its name in English, the countries of its coins, how many classes and reference photos it
    has, the bytes of its files; and whether this device has taken it."""

    pack_id: str
    name: str
    countries: tuple[str, ...]
    classes: int
    rows: int
    bytes: int
    taken: bool


@dataclass(frozen=True)
class PackList:
    """The packs of release `version`, none where it is not in packs; the bytes of what all of them need, the models;
    and the root that this device trusts, which `root_is_new` says that it does since now."""

    version: int
    shared_bytes: int
    packs: tuple[PackOffer, ...]
    root_fingerprint: str
    root_is_new: bool


@dataclass(frozen=True)
class SyncReport:
    """What a sync did. `from_version` is None on a device that had no catalogue. `bytes_downloaded` are those that came
    over the network, the metadata included; `bytes_reused` those of files that were here already; `bytes_saved` those
    that the full route would have cost beyond the one taken. `root_fingerprint` is that of the root this device has
    pinned, and `root_is_new` says that it did just now. `space_id` is the space of the models that are here now,
    `from_space_id` the one before where that was another. `packs` are those of the release, taken or not."""

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
    packs: tuple[PackOffer, ...] = ()


def offers_of(release: Release, trusted: Pointer | None) -> tuple[PackOffer, ...]:
    """The packs of a release, and which of them a device has."""
    if not isinstance(release, SplitRelease):
        return ()
    taken = trusted.layout.parts.keys() if trusted else ()
    return tuple(
        PackOffer(
            pack.pack_id, pack.called(), pack.countries, pack.classes, pack.rows, pack.bytes, pack.pack_id in taken
        )
        for pack in release.packs
    )
