"""What the pages work with."""

from dataclasses import dataclass, field

from catalog_server.curation.encoding import Encode, live_encoders
from catalog_server.engines.identify import Identifier
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
    _loaded: dict[str, Encode] = field(default_factory=dict, init=False)
    """The encoders of the spaces that lived when they were last asked for: their nets are loaded once a thread."""

    def encoders(self) -> dict[str, Encode]:
        """How a photo is encoded in each live space, the current one first, every coin of it. Raises `CoindexError`
        where there are no models for one."""
        with self.store.reading() as session:
            spaces = self.store.live_spaces(session)
        if not spaces or spaces != tuple(self._loaded):
            self._loaded = live_encoders(self.store, largest_only=False)
        return {space: self.encode or encode for space, encode in self._loaded.items()}

    def answer(self, photo: Photo) -> Answer | None:
        """What a phone with the served release would say; None where nothing is published."""
        found = self.identifier.answer(photo) if self.identifier else None
        return found[0] if found else None
