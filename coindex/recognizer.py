"""The answer: which coin of the catalogue, how sure, for every coin in a photo."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from math import exp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coindex.catalog.local import LocalCatalog
from coindex.catalog.search import Hit
from coindex.codes import similarity
from coindex.cutout import Box
from coindex.models import Models, OpenSet
from coindex.photo import Photo
from coindex.pipeline import EncodedCoin, encode_photo

__all__ = ["Answer", "Candidate", "RecognizedCoin", "Recognizer", "confidence"]


@dataclass(frozen=True)
class Candidate:
    """A class of the catalogue by its best row: `coin` is the class id, `distance` the squared one of the codes."""

    coin: int
    side: str
    name: str
    distance: int
    similarity: float
    row_id: int


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
                    "box": [coin.box.x, coin.box.y, coin.box.width, coin.box.height],
                    "known": coin.known,
                    "confidence": round(coin.confidence, 4),
                    "candidates": [
                        {
                            "coin": candidate.coin,
                            "side": candidate.side,
                            "name": candidate.name,
                            "distance": candidate.distance,
                            "similarity": round(candidate.similarity, 4),
                        }
                        for candidate in coin.candidates
                    ],
                }
                for coin in self.coins
            ],
            "timings_ms": {name: round(value, 2) for name, value in self.timings_ms.items()},
        }


class Recognizer:
    """Answers photos from a local catalogue, offline, with the models that came with it."""

    def __init__(self, catalog: LocalCatalog, models: Models) -> None:
        """Raises `SpaceMismatch` where the models are not of the catalogue's embedding space."""
        catalog.require_space(models.index)
        self._catalog, self._models = catalog, models
        self._open_set = catalog.open_set(models.index)

    def recognize(self, photo: Photo, *, candidates: int = 5) -> Answer:
        """Every coin in the photo, largest first, each with its nearest `candidates` classes."""
        encoding = encode_photo(photo, self._models)
        began = time.perf_counter()
        coins = tuple(self._recognized(coin, candidates) for coin in encoding.coins)
        timings = {**encoding.timings_ms, "search": (time.perf_counter() - began) * 1000}
        manifest = self._catalog.manifest
        return Answer(manifest.version, manifest.state_hash, coins, timings)

    def _recognized(self, coin: EncodedCoin, count: int) -> RecognizedCoin:
        hits = self._catalog.index.search(coin.code, count)
        if not hits:  # an empty catalogue knows no coin
            return RecognizedCoin(coin, False, 0.0, ())
        best = hits[0].distance
        return RecognizedCoin(
            coin,
            best <= self._open_set.threshold,
            confidence(best, self._open_set),
            tuple(self._candidate(coin.code, hit) for hit in hits),
        )

    def _candidate(self, code: NDArray[np.int8], hit: Hit) -> Candidate:
        record = self._catalog.records[hit.class_id]
        rows = self._catalog.index.rows
        reference = rows.codes[np.searchsorted(rows.row_ids, hit.row_id)]
        return Candidate(hit.class_id, record.side, record.name, hit.distance, similarity(code, reference), hit.row_id)


def confidence(distance: int, open_set: OpenSet) -> float:
    """Calibrated probability that a coin at this distance is in the catalogue and the class is right."""
    return 1.0 / (1.0 + exp(min(open_set.slope * (distance - open_set.midpoint), 700.0)))
