"""How far an exported pair of nets departs from the float nets: on the same pictures, and in what it answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coindex.errors import ExportError
from coindex.manifest import CoinClass, LabelledPhoto
from coindex.models import Models
from coindex.photo import load_photo
from coindex.pipeline import embed_turned, encode_photo
from coindex.progress import Progress, no_progress
from coindex.runtime import Net
from export.open_set_calibration import Catalogue, Reference

__all__ = ["Answers", "Seen", "answers", "catalogue", "embedding_parity", "every", "mask_parity", "measure", "see"]

PERCENTILES = (50, 95, 99)

Step = Callable[[], None]


@dataclass(frozen=True, eq=False)
class Seen:
    """What the float nets were shown and said.

    `views` uint8 (n, 256, 256, 3) are the segmenter's inputs on both looks and `masks` bool (n, 256, 256) what is coin
    in them; `cutouts` uint8 (m, 256, 256, 3) are the embedder's inputs and `embeddings` float64 (m, 64) the sums over
    the quarter turns of each.
    """

    views: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    cutouts: NDArray[np.uint8]
    embeddings: NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """The class that each query's largest coin is taken for, None where none was found, and which it is."""

    given: tuple[CoinClass | None, ...]
    expected: tuple[CoinClass, ...]

    @property
    def recall_at_1(self) -> float:
        """Share of right answers; side `unknown` is either side of its coin."""
        right = [
            given is not None and given.matches(wanted) for given, wanted in zip(self.given, self.expected, strict=True)
        ]
        return float(np.mean(right))

    def agreement(self, other: "Answers") -> float:
        """Share of queries that both take for the same class."""
        return float(np.mean([a == b for a, b in zip(self.given, other.given, strict=True)]))


def measure(
    formats: Mapping[str, Models],
    float_nets: Models,
    shipped: Models,
    references: Sequence[LabelledPhoto],
    queries: Sequence[LabelledPhoto],
    *,
    shown: int,
    on_progress: Progress = no_progress,
) -> dict[str, dict[str, dict[str, Any]]]:
    """What `mask_parity` says of each format's `segmenter`, and `embedding_parity` of its `embedder` with its answers.

    `shown` of the queries show the nets what to compare; all are asked, with each format's own masks and embeddings,
    against the catalogue that the `shipped` nets build from `references`, and with the float nets as well.

    Raises:
        ExportError: If no coin is found in any photo.
    """
    sample = every(queries, shown)
    total = len(references) + len(sample) + len(queries) * (1 + len(formats))
    steps = iter(range(1, total + 1))

    def step() -> None:
        on_progress(next(steps), total)

    seen = see(sample, float_nets, step)
    known = catalogue(references, shipped, step)
    expected = answers(queries, float_nets, known, step)
    measured = {}
    for name, models in formats.items():
        given = answers(queries, models, known, step)
        outcome = {
            "recall_at_1": round(given.recall_at_1, 4),
            "recall_at_1_float": round(expected.recall_at_1, 4),
            "top1_agreement": round(given.agreement(expected), 4),
            "queries": len(queries),
        }
        measured[name] = {
            "segmenter": mask_parity(models.segmenter, seen),
            "embedder": {**embedding_parity(models.embedder, seen), **outcome},
        }
    return measured


def every(photos: Sequence[LabelledPhoto], most: int) -> Sequence[LabelledPhoto]:
    """At most so many of the photos, evenly chosen."""
    return photos[:: max(-(-len(photos) // most), 1)]


def see(photos: Sequence[LabelledPhoto], models: Models, on_photo: Step = lambda: None) -> Seen:
    """Show photos to the float nets, through the whole device path.

    Raises:
        ExportError: If no coin is found in any photo.
    """
    segmenter, embedder = _Recorder(models.segmenter), _Recorder(models.embedder)
    recording = Models(models.index, segmenter, embedder)
    for photo in photos:
        encode_photo(load_photo(photo.path), recording, largest_only=True)
        on_photo()
    if not embedder.shown:
        raise ExportError("the float nets found no coin in any photo that parity is measured on; train them longer")
    return Seen(
        views=np.concatenate(segmenter.shown),
        masks=np.concatenate(segmenter.said)[..., 0] > 0,
        cutouts=np.stack([batch[0] for batch in embedder.shown]),
        embeddings=np.stack([turns.astype(np.float64).sum(axis=0) for turns in embedder.said]),
    )


def embedding_parity(embedder: Net, seen: Seen) -> dict[str, Any]:
    """Cosine and angle, in degrees, between the embeddings of a net and those of the float one."""
    found = np.stack([embed_turned(cutout, embedder) for cutout in seen.cutouts])
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(seen.embeddings, axis=1)
    cosine = (found * seen.embeddings).sum(axis=1) / lengths
    angle = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    return {
        "cosine_median": round(float(np.median(cosine)), 6),
        "cosine_least": round(float(cosine.min()), 6),
        "angle_degrees": {f"p{p}": round(float(np.percentile(angle, p)), 3) for p in PERCENTILES},
        "cutouts": len(cosine),
    }


def mask_parity(segmenter: Net, seen: Seen) -> dict[str, Any]:
    """Intersection over union of what a net and the float one take for coin: over all pixels, and by picture."""
    found = np.concatenate([segmenter(view[None])[..., 0] > 0 for view in seen.views])
    shared, either = ((found & seen.masks).sum(axis=(1, 2)), (found | seen.masks).sum(axis=(1, 2)))
    iou = (shared / np.maximum(either, 1))[either > 0]
    return {
        "iou": round(float(shared.sum() / max(either.sum(), 1)), 6),
        "iou_median": round(float(np.median(iou)) if len(iou) else 1.0, 6),
        "iou_p5": round(float(np.percentile(iou, 5)) if len(iou) else 1.0, 6),
        "views": len(seen.views),
    }


def catalogue(photos: Sequence[LabelledPhoto], models: Models, on_photo: Step = lambda: None) -> Catalogue:
    """A catalogue of the photos in which `models` find a coin.

    Raises:
        ExportError: If no coin is found in any photo.
    """
    references = []
    for photo in photos:
        coins = encode_photo(load_photo(photo.path), models, largest_only=True).coins
        references += [Reference(photo.label, coin.code) for coin in coins]
        on_photo()
    if not references:
        raise ExportError("no coin was found in any photo of the catalogue that parity is measured with")
    return Catalogue.of(references)


def answers(
    photos: Sequence[LabelledPhoto], models: Models, known: Catalogue, on_photo: Step = lambda: None
) -> Answers:
    """Ask `known` for every photo with the nets of `models`, through the whole device path."""
    given: list[CoinClass | None] = []
    for photo in photos:
        coins = encode_photo(load_photo(photo.path), models, largest_only=True).coins
        given.append(known.labels[known.index.search(coins[0].code, 1)[0].class_id] if coins else None)
        on_photo()
    return Answers(tuple(given), tuple(photo.label for photo in photos))


class _Recorder:
    """A net that keeps what it is shown and what it says, call by call."""

    def __init__(self, net: Net) -> None:
        self._net = net
        self.shown: list[NDArray[np.uint8]] = []
        self.said: list[NDArray[np.float32]] = []

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        output = self._net(pixels)
        self.shown.append(pixels.copy())
        self.said.append(output)
        return output
