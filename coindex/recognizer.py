"""The answer: which coin of the catalogue, how sure, for every coin in a photo, or for one coin in several photos."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coindex.catalog.local import LocalCatalog
from coindex.catalog.search import Hit
from coindex.codes import similarity
from coindex.cutout import Box
from coindex.joint import JointHit, search_together
from coindex.models import Models
from coindex.open_set import evidence
from coindex.photo import Photo
from coindex.pipeline import EncodedCoin, encode_photo

__all__ = ["Answer", "Candidate", "JointAnswer", "JointCandidate", "RecognizedCoin", "Recognizer"]


@dataclass(frozen=True)
class Candidate:
    """A class of the catalogue by its best row: `coin` is the class id, `distance` the squared one of the codes."""

    coin: int
    side: str
    name: str
    distance: int
    similarity: float
    row_id: int

    def as_json(self) -> dict[str, Any]:
        """The document that `recognize --json` prints for one candidate."""
        return {
            "coin": self.coin,
            "side": self.side,
            "name": self.name,
            "distance": self.distance,
            "similarity": round(self.similarity, 4),
        }


@dataclass(frozen=True, eq=False)
class RecognizedCoin:
    """One coin of the photo, with its candidates, nearest first."""

    encoded: EncodedCoin
    known: bool
    confidence: float
    candidates: tuple[Candidate, ...]

    @property
    def box(self) -> Box:
        """Whole pixels of the upright photo."""
        return self.encoded.box


@dataclass(frozen=True, eq=False)
class Answer:
    """All coins of a photo, largest first, the catalogue that answered, and milliseconds a step."""

    catalog_version: int
    state_hash: str
    coins: tuple[RecognizedCoin, ...]
    timings_ms: Mapping[str, float]

    def as_json(self, photo: str) -> dict[str, Any]:
        """The document that `recognize --json` prints for one photo."""
        return {
            "photo": photo,
            "catalog": {"version": self.catalog_version, "state_hash": self.state_hash},
            "coins": [
                {
                    "box": _box(coin.encoded),
                    "known": coin.known,
                    "confidence": round(coin.confidence, 4),
                    "candidates": [candidate.as_json() for candidate in coin.candidates],
                }
                for coin in self.coins
            ],
            "timings_ms": {name: round(value, 2) for name, value in self.timings_ms.items()},
        }


@dataclass(frozen=True)
class JointCandidate:
    """A coin, either side: `sides` has for each photo its nearest class, `distance` is the sum of their distances."""

    name: str
    distance: int
    sides: tuple[Candidate, ...]


@dataclass(frozen=True, eq=False)
class JointAnswer:
    """One answer to several photos of one coin: `coins` has the largest coin of each photo, None where it shows none.

    `known`, `confidence` and `candidates`, nearest first, speak of all photos that show a coin.
    """

    catalog_version: int
    state_hash: str
    coins: tuple[EncodedCoin | None, ...]
    known: bool
    confidence: float
    candidates: tuple[JointCandidate, ...]
    timings_ms: Mapping[str, float]

    def as_json(self, photos: Sequence[str]) -> dict[str, Any]:
        """The document that `recognize --joint --json` prints."""
        return {
            "photos": [
                {"photo": photo, "box": coin and _box(coin)} for photo, coin in zip(photos, self.coins, strict=True)
            ],
            "catalog": {"version": self.catalog_version, "state_hash": self.state_hash},
            "known": self.known,
            "confidence": round(self.confidence, 4),
            "candidates": [
                {
                    "name": candidate.name,
                    "distance": candidate.distance,
                    "sides": [side.as_json() for side in candidate.sides],
                }
                for candidate in self.candidates
            ],
            "timings_ms": {name: round(value, 2) for name, value in self.timings_ms.items()},
        }


class Recognizer:
    """Answers photos from a local catalogue, offline, with the models that came with it."""

    def __init__(self, catalog: LocalCatalog, models: Models, *, classes: Collection[int] | None = None) -> None:
        """With `classes`, such as `LocalCatalog.class_ids` gives, the catalogue is taken for these class ids alone:
        others are neither candidates nor counted. Raises `SpaceMismatch` where the models are not of the catalogue's
        embedding space."""
        catalog.require_space(models.index)
        self._classes = classes
        self._catalog, self._models = catalog, models
        self._open_set = catalog.open_set(models.index)
        chosen = catalog.records.keys() if classes is None else catalog.records.keys() & set(classes)
        self._coin_types = {class_id: catalog.records[class_id].label.coin for class_id in chosen}
        rows = catalog.index.rows
        self._rows = len(rows) if classes is None else int(np.isin(rows.class_ids, sorted(chosen)).sum())

    def recognize(self, photo: Photo, *, candidates: int = 5) -> Answer:
        """Every coin in the photo, largest first, each with its nearest `candidates` classes."""
        encoding = encode_photo(photo, self._models)
        began = time.perf_counter()
        coins = tuple(self._recognized(coin, candidates) for coin in encoding.coins)
        timings = {**encoding.timings_ms, "search": (time.perf_counter() - began) * 1000}
        manifest = self._catalog.manifest
        return Answer(manifest.version, manifest.state_hash, coins, timings)

    def recognize_together(self, photos: Sequence[Photo], *, candidates: int = 5) -> JointAnswer:
        """The one coin that all photos show, either side of it: the coin whose nearest sides are nearest in sum.

        The largest coin of a photo is its coin. Raises `ValueError` without photos.
        """
        if not photos:
            raise ValueError("no photos: a joint answer needs at least one")
        encodings = [encode_photo(photo, self._models, largest_only=True) for photo in photos]
        timings = {name: sum(encoding.timings_ms[name] for encoding in encodings) for name in encodings[0].timings_ms}
        coins = tuple(encoding.coins[0] if encoding.coins else None for encoding in encodings)
        codes = [coin.code for coin in coins if coin is not None]
        began = time.perf_counter()
        index = self._catalog.index
        hits: tuple[JointHit, ...] = ()
        if codes:
            hits = search_together(index, self._coin_types, codes, max(candidates, 2), classes=self._classes)
        seen = evidence(hits, rows=self._rows, photos=len(codes))
        known, sure = self._open_set.known(seen), self._open_set.confidence(seen)
        found = tuple(self._joint_candidate(codes, hit) for hit in hits[:candidates])
        timings["search"] = (time.perf_counter() - began) * 1000
        manifest = self._catalog.manifest
        return JointAnswer(manifest.version, manifest.state_hash, coins, known, sure, found, timings)

    def _recognized(self, coin: EncodedCoin, count: int) -> RecognizedCoin:
        hits = self._catalog.index.search(coin.code, max(count, 2), classes=self._classes)
        seen = evidence(hits, rows=self._rows)
        found = tuple(self._candidate(coin.code, hit) for hit in hits[:count])
        return RecognizedCoin(coin, self._open_set.known(seen), self._open_set.confidence(seen), found)

    def _candidate(self, code: NDArray[np.int8], hit: Hit) -> Candidate:
        record = self._catalog.records[hit.class_id]
        rows = self._catalog.index.rows
        reference = rows.codes[np.searchsorted(rows.row_ids, hit.row_id)]
        return Candidate(hit.class_id, record.side, record.name, hit.distance, similarity(code, reference), hit.row_id)

    def _joint_candidate(self, codes: Sequence[NDArray[np.int8]], hit: JointHit) -> JointCandidate:
        sides = tuple(self._candidate(code, side) for code, side in zip(codes, hit.hits, strict=True))
        return JointCandidate(sides[0].name, hit.distance, sides)


def _box(coin: EncodedCoin) -> list[int]:
    return [coin.box.x, coin.box.y, coin.box.width, coin.box.height]
