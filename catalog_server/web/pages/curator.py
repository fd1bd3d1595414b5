"""What the pages work with."""

from dataclasses import dataclass

from catalog_server.encoding import Encode, live_encoders
from catalog_server.identify import Identifier
from catalog_server.store import Store
from coindex.photo import Photo
from coindex.recognizer import Answer

__all__ = ["Curator"]


@dataclass(eq=False)
class Curator:
    """The store, and what answers photos: `identifier` by the served release. `encode` stands for the models' own way
    from a photo to its coins."""

    store: Store
    identifier: Identifier | None = None
    encode: Encode | None = None

    def encoders(self) -> dict[str, Encode]:
        """How a photo is encoded in each live space, the current one first, every coin of it. Raises `CoindexError`
        where there are no models for one."""
        found = live_encoders(self.store, largest_only=False)
        return {space: self.encode or encode for space, encode in found.items()}

    def answer(self, photo: Photo) -> Answer | None:
        """What a phone with the served release would say; None where nothing is published."""
        found = self.identifier.answer(photo) if self.identifier else None
        return found[0] if found else None
