"""The pages' access to the store and the models."""

from dataclasses import dataclass, field

from catalog_server.curation.encoding import Encode, live_encoders
from catalog_server.engines.identify import Identifier
from catalog_server.store import Store
from coindex.photo import Photo
from coindex.recognizer import Answer

__all__ = ["Curator"]


@dataclass(eq=False)
class Curator:
    """The store, and how photos are encoded and answered.

    Attributes:
        store: The store.
        identifier: Answers photos with the served release.
        encode: Encodes photos in place of the store's models.
    """

    store: Store
    identifier: Identifier | None = None
    encode: Encode | None = None
    _loaded: dict[str, Encode] = field(default_factory=dict, init=False)
    """The encoders of the live spaces at the last request. Their nets are loaded once a thread."""

    def encoders(self) -> dict[str, Encode]:
        """The encoders of each live space, the current one first. They encode every coin of a photo.

        Raises:
            CoindexError: If a space has no models.
        """
        with self.store.reading() as session:
            spaces = self.store.live_spaces(session)
        if not spaces or spaces != tuple(self._loaded):
            self._loaded = live_encoders(self.store, largest_only=False)
        return {space: self.encode or encode for space, encode in self._loaded.items()}

    def answer(self, photo: Photo) -> Answer | None:
        """The answer of a phone with the served release; None if nothing is published."""
        found = self.identifier.answer(photo) if self.identifier else None
        return found[0] if found else None
