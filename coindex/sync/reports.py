"""What a sync did, and which packs a release offers."""

from dataclasses import dataclass

from coindex.catalog.packs import Release, SplitRelease
from coindex.catalog.pointer import Pointer
from coindex.sync.routes import Route

__all__ = ["PackList", "PackOffer", "SyncReport", "offers_of"]


@dataclass(frozen=True)
class PackOffer:
    """A pack of a release.

    Attributes:
        pack_id: The pack's id, as `--packs` takes it.
        name: Its name in English.
        countries: The countries of its coins.
        classes: How many classes it has.
        rows: How many reference photos it has.
        bytes: The bytes of its files.
        taken: Whether this device has it.
    """

    pack_id: str
    name: str
    countries: tuple[str, ...]
    classes: int
    rows: int
    bytes: int
    taken: bool


@dataclass(frozen=True)
class PackList:
    """The packs that a release offers.

    Attributes:
        version: The release.
        shared_bytes: The bytes of the models, which every pack needs.
        packs: The packs; none if the release is not in packs.
        root_fingerprint: The fingerprint of the root that this device trusts.
        root_is_new: Whether the device trusts it since this call.
    """

    version: int
    shared_bytes: int
    packs: tuple[PackOffer, ...]
    root_fingerprint: str
    root_is_new: bool


@dataclass(frozen=True)
class SyncReport:
    """What a sync did.

    Attributes:
        from_version: The release before; None if the device had no catalogue.
        to_version: The release that is here now.
        bytes_downloaded: The bytes that came over the network, with the metadata.
        bytes_reused: The bytes of files that were here already.
        up_to_date: Whether nothing changed.
        route: How the device reached the release.
        bytes_saved: The bytes that the route saved compared with the full one.
        root_fingerprint: The fingerprint of the root that this device has pinned.
        root_is_new: Whether the device pinned it in this sync.
        space_id: The embedding space of the models that are here now.
        from_space_id: The space before, if it was another one.
        packs: The packs of the release, taken or not.
    """

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
    """The packs of a release, each with whether a device has it."""
    if not isinstance(release, SplitRelease):
        return ()
    taken = trusted.layout.parts.keys() if trusted else ()
    return tuple(
        PackOffer(
            pack.pack_id, pack.called(), pack.countries, pack.classes, pack.rows, pack.bytes, pack.pack_id in taken
        )
        for pack in release.packs
    )
