"""The answer: which coin of the catalogue, how sure, for every coin in a photo, or for one coin in several photos."""

import time
from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coindex.catalog.local import LocalCatalog
from coindex.catalog.packs import PackEntry
from coindex.codes import similarity
from coindex.cutout import Box
from coindex.joint import search_together
from coindex.models import Models
from coindex.open_set import LOOKED_AT
from coindex.photo import Photo
from coindex.pipeline import STEPS, Clock, EncodedCoin, OutlinedCoin, encode_coin, encode_photo, outline_photo
from coindex.relief import TURNS, ReliefMaps, agreement
from coindex.relief_ranking import (
    JointRanked,
    Ranked,
    Ranking,
    SecondLook,
    look_again,
    look_again_together,
    of_one_series,
    sureness,
)

__all__ = [
    "Answer",
    "Candidate",
    "CoinsFound",
    "JointAnswer",
    "JointCandidate",
    "RecognizedCoin",
    "Recognizer",
    "Series",
]


@dataclass(frozen=True)
class Candidate:
    """A class of the catalogue that a coin may be, described by its nearest row.

    Attributes:
        coin: The class id.
        side: `obverse`, `reverse` or `unknown`.
        name: The coin as people read it, without the side.
        distance: The squared distance between the coin's code and the row's.
        similarity: The cosine of the two codes.
        row_id: The nearest row.
        relief: The score of the reference whose relief is most alike, 0 to 10,000; None without a second look, as are
            the three attributes that follow.
        relief_row: That reference's row.
        angle: Degrees, clockwise, by which the photo's coin is turned against that reference.
        relief_map: That reference's relief map, int8 (8, 32, 8).
    """

    coin: int
    side: str
    name: str
    distance: int
    similarity: float
    row_id: int
    relief: int | None = None
    relief_row: int | None = None
    angle: float | None = None
    relief_map: NDArray[np.int8] | None = field(default=None, compare=False, repr=False)

    def as_json(self) -> dict[str, Any]:
        """The document that `recognize --json` prints for one candidate."""
        return {
            "coin": self.coin,
            "side": self.side,
            "name": self.name,
            "distance": self.distance,
            "similarity": round(self.similarity, 4),
            "relief": self.relief,
            "angle": self.angle,
        }


@dataclass(frozen=True)
class Series:
    """Coins of one design that cannot be told apart.

    Attributes:
        design: The design's name.
        coins: The class ids of the first candidates.
    """

    design: str
    coins: tuple[int, ...]

    def as_json(self) -> dict[str, Any]:
        """The document that `recognize --json` prints for a series."""
        return {"design": self.design, "coins": list(self.coins)}


@dataclass(frozen=True, eq=False)
class RecognizedCoin:
    """One coin of the photo.

    Attributes:
        encoded: What was seen: outline, cutout, code and relief.
        known: Whether the coin is in the catalogue.
        confidence: The probability, 0 to 1, that it is and that the first candidate is right.
        candidates: The nearest classes, best first.
        series: The series of the coin, if the first candidates are of one design and cannot be told apart.
        codes_alone: Why there was no second look; None if there was one.
    """

    encoded: EncodedCoin
    known: bool
    confidence: float
    candidates: tuple[Candidate, ...]
    series: Series | None = None
    codes_alone: str | None = None

    @property
    def box(self) -> Box:
        """Whole pixels of the upright photo."""
        return self.encoded.box

    def agreement(self, candidate: Candidate) -> NDArray[np.int8] | None:
        """Where the coin and a candidate's reference agree, int8 (8, 32), by ring and step: see
        `coindex.relief.agreement`. None without a second look."""
        if self.encoded.relief is None or candidate.relief_map is None or candidate.angle is None:
            return None
        return agreement(self.encoded.relief, candidate.relief_map, round(candidate.angle * TURNS / 360))


@dataclass(frozen=True, eq=False)
class CoinsFound:
    """The coins of a photo, largest first, before any of them is named."""

    coins: tuple[OutlinedCoin, ...]


@dataclass(frozen=True, eq=False)
class Answer:
    """All coins of a photo, largest first, the catalogue that answered, and milliseconds a step. `untaken` are packs of
    the release that this device has not: a coin that is not known may be in one of them."""

    catalog_version: int
    state_hash: str
    coins: tuple[RecognizedCoin, ...]
    timings_ms: Mapping[str, float]
    untaken: tuple[PackEntry, ...] = ()

    def as_json(self, photo: str) -> dict[str, Any]:
        """The document that `recognize --json` prints for one photo."""
        return {
            "photo": photo,
            "catalog": _catalog(self),
            "coins": [
                {
                    "box": _box(coin.encoded),
                    "known": coin.known,
                    "confidence": round(coin.confidence, 4),
                    "second_look": coin.codes_alone or True,
                    "series": coin.series and coin.series.as_json(),
                    "candidates": [candidate.as_json() for candidate in coin.candidates],
                }
                for coin in self.coins
            ],
            "timings_ms": {name: round(value, 2) for name, value in self.timings_ms.items()},
        }


@dataclass(frozen=True)
class JointCandidate:
    """A coin that several photos may show, whatever its side.

    Attributes:
        name: The coin as people read it.
        distance: The sum of the distances of its sides.
        sides: For each photo the nearest class of this coin.
    """

    name: str
    distance: int
    sides: tuple[Candidate, ...]


@dataclass(frozen=True, eq=False)
class JointAnswer:
    """One answer to several photos of one coin: `coins` has the largest coin of each photo, None where it shows none.

    `known`, `confidence` and `candidates`, best first, speak of all photos that show a coin. `codes_alone` says why
    there was no second look, None where there was. `untaken` are packs of the release that this device has not.
    """

    catalog_version: int
    state_hash: str
    coins: tuple[EncodedCoin | None, ...]
    known: bool
    confidence: float
    candidates: tuple[JointCandidate, ...]
    timings_ms: Mapping[str, float]
    codes_alone: str | None = None
    untaken: tuple[PackEntry, ...] = ()

    def as_json(self, photos: Sequence[str]) -> dict[str, Any]:
        """The document that `recognize --joint --json` prints."""
        return {
            "photos": [
                {"photo": photo, "box": coin and _box(coin)} for photo, coin in zip(photos, self.coins, strict=True)
            ],
            "catalog": _catalog(self),
            "known": self.known,
            "confidence": round(self.confidence, 4),
            "second_look": self.codes_alone or True,
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
    """Answers photos from a local catalogue, offline."""

    def __init__(
        self,
        catalog: LocalCatalog,
        models: Models,
        *,
        classes: Collection[int] | None = None,
        maps: ReliefMaps | None = None,
    ) -> None:
        """
        Args:
            catalog: The catalogue to search.
            models: The models that came with it, `catalog.models()`.
            classes: Class ids to narrow the search to, such as `LocalCatalog.class_ids` gives. Others are neither
                candidates nor counted.
            maps: Relief maps of the rows, by default those that came with the catalogue. Without any, codes alone
                answer.

        Raises:
            SpaceMismatch: If the models are not of the catalogue's embedding space.
        """
        catalog.require_space(models.index)
        self._classes = classes
        self._catalog, self._models = catalog, models
        self._open_set = catalog.open_set(models.index)
        relief = models.index.relief
        maps = catalog.maps(models.index) if maps is None else maps
        self._second = SecondLook(relief.look, relief.open_set, maps) if relief and maps is not None else None
        chosen = catalog.records.keys() if classes is None else catalog.records.keys() & set(classes)
        self._coin_types = {class_id: catalog.records[class_id].label.coin for class_id in chosen}
        rows = catalog.index.rows
        self._rows = len(rows) if classes is None else int(np.isin(rows.class_ids, sorted(chosen)).sum())

    def recognize(self, photo: Photo, *, candidates: int = 5) -> Answer:
        """Name every coin in the photo.

        Args:
            photo: What `load_photo` gives.
            candidates: How many of the nearest classes each coin has.

        Returns:
            The coins, largest first.
        """
        *_, answer = self.recognize_each(photo, candidates=candidates)
        assert isinstance(answer, Answer)  # the last event of every photo
        return answer

    def recognize_each(
        self, photo: Photo, *, candidates: int = 5
    ) -> Generator[CoinsFound | RecognizedCoin | Answer, None, None]:
        """Name the coins one by one.

        Yields:
            First where all coins are, then each coin once it is named, largest first, and last the answer of
            `recognize`. Each step is computed when it is asked for: close the generator to stop.
        """
        clock = Clock((*STEPS, "search"))
        outlined = outline_photo(photo, self._models, clock)
        yield CoinsFound(outlined)
        coins = []
        for outline in outlined:
            encoded = encode_coin(outline, self._models, clock)
            with clock.time("search"):
                coin = self._recognized(encoded, candidates)
            coins.append(coin)
            yield coin
        manifest = self._catalog.manifest
        yield Answer(manifest.version, manifest.state_hash, tuple(coins), clock.timings_ms, self._catalog.untaken)

    def recognize_together(self, photos: Sequence[Photo], *, candidates: int = 5) -> JointAnswer:
        """Name the one coin that all photos show, each with either side: the one with the least sum of distances.

        Args:
            photos: Photos of one coin. The largest coin of a photo counts.
            candidates: How many coins the answer has.

        Raises:
            ValueError: If there are no photos.
        """
        if not photos:
            raise ValueError("no photos: a joint answer needs at least one")
        encodings = [encode_photo(photo, self._models, largest_only=True) for photo in photos]
        timings = {name: sum(encoding.timings_ms[name] for encoding in encodings) for name in encodings[0].timings_ms}
        coins = tuple(encoding.coins[0] if encoding.coins else None for encoding in encodings)
        shown = [coin for coin in coins if coin is not None]
        codes = [coin.code for coin in shown]
        began = time.perf_counter()
        index = self._catalog.index
        ranking: Ranking[JointRanked] = Ranking(())
        if codes:
            hits = search_together(index, self._coin_types, codes, self._breadth(candidates), classes=self._classes)
            reliefs = [coin.relief for coin in shown]
            ranking = look_again_together(index, self._coin_types, codes, reliefs, hits, self._second)
        seen = ranking.evidence(rows=self._rows, photos=len(codes))
        known, sure = sureness(seen, self._open_set, self._second)
        found = tuple(self._joint_candidate(codes, each) for each in ranking.candidates[:candidates])
        timings["search"] = (time.perf_counter() - began) * 1000
        manifest = self._catalog.manifest
        return JointAnswer(
            manifest.version,
            manifest.state_hash,
            coins,
            known,
            sure,
            found,
            timings,
            ranking.codes_alone,
            self._catalog.untaken,
        )

    def _recognized(self, coin: EncodedCoin, count: int) -> RecognizedCoin:
        index = self._catalog.index
        hits = index.search(coin.code, self._breadth(count), classes=self._classes)
        ranking = look_again(index, coin.code, coin.relief, hits, self._second)
        known, sure = sureness(ranking.evidence(rows=self._rows), self._open_set, self._second)
        found = tuple(self._candidate(coin.code, each) for each in ranking.candidates[:count])
        return RecognizedCoin(coin, known, sure, found, self._series(ranking), ranking.codes_alone)

    def _breadth(self, count: int) -> int:
        """Classes to search for: what is asked for, what the second look looks at, and what confidence goes by."""
        return max(count, LOOKED_AT, self._second.look.classes if self._second else 0)

    def _series(self, ranking: Ranking[Ranked]) -> Series | None:
        if self._second is None:
            return None
        level = [each.hit.class_id for each in ranking.level(self._second.open_set.apart)]
        design = of_one_series(level, {class_id: self._catalog.records[class_id].design for class_id in level})
        return Series(design, tuple(level)) if design else None

    def _candidate(self, code: NDArray[np.int8], ranked: Ranked) -> Candidate:
        hit, sight = ranked.hit, ranked.sight
        record = self._catalog.records[hit.class_id]
        rows = self._catalog.index.rows
        reference = rows.codes[np.searchsorted(rows.row_ids, hit.row_id)]
        seen: tuple[Any, ...] = ()
        if sight and self._second:
            seen = (sight.score, sight.row_id, sight.angle, self._second.maps.get(sight.row_id))
        return Candidate(
            hit.class_id, record.side, record.name, hit.distance, similarity(code, reference), hit.row_id, *seen
        )

    def _joint_candidate(self, codes: Sequence[NDArray[np.int8]], ranked: JointRanked) -> JointCandidate:
        sides = tuple(self._candidate(code, side) for code, side in zip(codes, ranked.sides, strict=True))
        return JointCandidate(sides[0].name, ranked.distance, sides)


def _catalog(answer: Answer | JointAnswer) -> dict[str, Any]:
    """What `recognize --json` says of the catalogue that answered."""
    packs = [{"pack_id": pack.pack_id, "name": pack.called(), "bytes": pack.bytes} for pack in answer.untaken]
    found = {"version": answer.catalog_version, "state_hash": answer.state_hash}
    return {**found, "packs_not_here": packs} if packs else found


def _box(coin: EncodedCoin) -> list[int]:
    return [coin.box.x, coin.box.y, coin.box.width, coin.box.height]
