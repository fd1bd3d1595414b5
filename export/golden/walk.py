"""Every step from photo to answer: what the library's functions take and return, in order."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from coindex.codes import quantise
from coindex.cutout import LEAST_ASPECT, LEAST_FILLED, SIZE, Box, cut_out, mask_box, square_around, take_square
from coindex.ellipse import Ellipse, ellipse_of
from coindex.errors import ExportError
from coindex.open_set import evidence
from coindex.photo import Photo, load_photo
from coindex.pipeline import box_in_photo, embed_turned
from coindex.relief import OUTPUT_SHAPE, net_input, query_relief, unroll
from coindex.relief_ranking import look_again, sureness
from coindex.resize import resize
from coindex.segmentation import MARGIN, FoundCoin, Region, find_in_detail, regions
from export.golden.nets import Catalogue, Nets, packed


@dataclass(frozen=True)
class Tolerance:
    """How far a step may be from the golden one: the largest and the mean absolute difference of its numbers."""

    most: float
    mean: float


OTHER_DECODER = Tolerance(most=24, mean=1.5)
"""Grey levels of a net input taken from a JPEG: of seven ways to decode (the fast inverse transform, chroma without
interpolation, all pixels averaged, every second one, …) the furthest was 17 off Pillow's, and 0.93 on average."""

INT8_LOGITS = Tolerance(most=40, mean=5.0)
"""Int8 steps of a logit: on the golden looks LiteRT's builtin kernels were up to 15 off XNNPACK's, 0.0 to 1.9 on
average; on other scenes, with earlier models, up to 27, and 3.0 where the net is unsure and no coin is answered."""

INT8_EMBEDDING = Tolerance(most=6, mean=1.5)
"""Int8 steps of an embedding's number: on the golden cutouts LiteRT's builtin kernels were up to 5 off XNNPACK's, 0.5
to 1.0 on average; one thread and two agreed to the bit."""

INT8_RELIEF = Tolerance(most=24, mean=4.0)
"""Int8 steps of the relief net's output: on the golden coins LiteRT's builtin kernels were up to 14 off XNNPACK's, 1.7
to 2.2 on average. Sixteen are one of a map's: one number in eight of a map was another, by one."""

FLOAT64 = Tolerance(most=1e-6, mean=1e-6)
"""What the order of a few float64 operations may change."""


class _Tap(Protocol):
    """Takes a step's value, and gives the one to go on with."""

    def __call__(self, step: str, value: Any, tolerance: Tolerance | None = None) -> Any: ...


def walk(content: bytes, exact: bool, nets: Nets, catalogue: Catalogue, tap: _Tap) -> None:
    """Hand every step of a photo to `tap`: what the library's functions take and return."""
    photo = load_photo(content)
    tap("photo.size", [photo.width, photo.height])
    tap("photo.decoded", [photo.rgb.shape[1], photo.rgb.shape[0]])
    if exact:
        tap("photo.sha256", sha256(np.ascontiguousarray(photo.rgb).tobytes()).hexdigest())
    looks = _Looks(photo, nets, tap, None if exact else OTHER_DECODER)
    seen, coins = find_in_detail(replace(photo, in_detail=photo.in_detail and looks.in_detail), looks)
    tap("coins", [looks.second.index(coin.crop) for coin in coins])
    for number, coin in enumerate(coins):
        _walk_coin(f"coin.{number}", seen, coin, looks.shown[coin.crop], nets, catalogue, tap)


def _walk_coin(
    name: str,
    photo: Photo,
    coin: FoundCoin,
    shown: "_Shown",
    nets: Nets,
    catalogue: Catalogue,
    tap: _Tap,
) -> None:
    shared = [int((region.mask & coin.mask).sum(dtype=np.int64)) for region in shown.regions]
    region = int(np.argmax(shared))
    tap(f"{name}.region", region)
    tap(f"{name}.smoothed", not np.array_equal(shown.regions[region].mask, coin.mask))
    mask = tap(f"{name}.mask", coin.mask)
    tap(f"{name}.box", _listed(coin.box))
    tap(f"{name}.box_in_photo", _listed(box_in_photo(photo, coin)))
    ellipse = ellipse_of(resize(take_square(mask, square_around(mask_box(mask))), SIZE, SIZE) >= 128)
    tap(f"{name}.ellipse", ellipse and _moments(ellipse), FLOAT64)
    tap(f"{name}.stretched", _is_stretched(ellipse))
    cutout = tap(f"{name}.cutout", cut_out(shown.rgb, mask)[:, :, 0])
    embedding = embed_turned(np.repeat(cutout[:, :, None], 3, axis=2), _Turns(name, nets, tap))
    embedding = tap(f"{name}.embedding", embedding.tolist())
    code = tap(f"{name}.code", quantise(np.array([embedding]), nets.models.index.code_scale)[0].tolist())
    hits = catalogue.index.search(np.array(code, np.int8), catalogue.index.classes)
    tap(f"{name}.hits", [[hit.row_id, hit.class_id, hit.distance] for hit in hits])
    seen = evidence(hits, rows=len(catalogue.index.rows))
    tap(f"{name}.known", catalogue.open_set.known(seen))
    tap(f"{name}.confidence", catalogue.open_set.confidence(seen), FLOAT64)
    _walk_second_look(name, cutout, np.array(code, np.int8), nets, catalogue, tap)


def _walk_second_look(
    name: str, cutout: NDArray[np.uint8], code: NDArray[np.int8], nets: Nets, catalogue: Catalogue, tap: _Tap
) -> None:
    polar = unroll(cutout[:, :, None])
    tap(f"{name}.polar", sha256(polar.tobytes()).hexdigest())
    output = tap(f"{name}.relief", _square(nets.relief.numbers(net_input(polar))), INT8_RELIEF)
    relief = query_relief((output ^ np.uint8(0x80)).view(np.int8).reshape(OUTPUT_SHAPE[1:]), nets.map.zero_point)
    tap(f"{name}.map", packed(relief.map))
    index, second = catalogue.index, catalogue.second
    ranking = look_again(index, code, relief, index.search(code, second.look.classes), second)
    ranked = [(each, each.sight) for each in ranking.candidates if each.sight]
    tap(
        f"{name}.ranking",
        [[each.hit.class_id, each.rank, sight.row_id, sight.score, sight.turn] for each, sight in ranked],
    )
    known, confidence = sureness(ranking.evidence(rows=len(index.rows)), catalogue.open_set, second)
    tap(f"{name}.known_again", known)
    tap(f"{name}.confidence_again", confidence, FLOAT64)


class NoWindow(ExportError):
    """The library showed the segmenter something else than its rules say."""


@dataclass(frozen=True, eq=False)
class _Shown:
    """A second look: its net input and the regions that were seen in it."""

    rgb: NDArray[np.uint8]
    regions: tuple[Region, ...]


class _Looks:
    """The segmenter, each of whose looks is tapped with the window of the photo that it shows."""

    def __init__(self, photo: Photo, nets: Nets, tap: _Tap, tolerance: Tolerance | None) -> None:
        self._photo, self._nets, self._tap, self._tolerance = photo, nets, tap, tolerance
        self._counts = {"first": 0, "enlarged": 0, "second": 0}
        self._boxes: list[Box] = []
        self.second: list[Box] = []
        self.shown: dict[Box, _Shown] = {}

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.stack([self._look(picture) for picture in pixels])

    def in_detail(self) -> Photo:
        """The photo's larger decoding, in which the looks that follow are."""
        small, detailed = self._photo, self._photo.in_detail and self._photo.in_detail()
        assert detailed is not None  # only a photo that has one is asked
        self._photo = detailed
        self._tap("photo.in_detail", [detailed.rgb.shape[1], detailed.rgb.shape[0]])
        self._boxes = [_in_pixels_of(detailed, box, small) for box in self._boxes]
        self._tap("first.0.boxes_in_detail", [_listed(box) for box in self._boxes])
        return detailed

    def _look(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        kind, window = self._shown(picture)
        name = f"{kind}.{self._counts[kind]}"
        self._counts[kind] += 1
        self._tap(f"{name}.window", _listed(window))
        if kind == "enlarged" and self._tolerance is None:
            self._tap(f"{name}.sha256", sha256(picture.tobytes()).hexdigest())
        else:
            picture = self._tap(f"{name}.input", picture, self._tolerance)
        steps = self._tap(f"{name}.logits", _flat(self._nets.logits.steps(self._nets.segment(picture))), INT8_LOGITS)
        logits = self._nets.logits.values(_planes(steps))
        found = regions(logits)
        self._tap(f"{name}.regions", [[*_listed(region.box), region.area] for region in found])
        if kind == "second":
            self.second.append(window)
            self.shown[window] = _Shown(picture, found)
        else:
            boxes = [_in_photo(region.box, window) for region in found]
            self._tap(f"{name}.boxes", [_listed(box) for box in boxes])
            self._boxes += boxes
        return logits

    def _shown(self, picture: NDArray[np.uint8]) -> tuple[str, Box]:
        """Which window of the photo it is, of those that the rules give: the one with these very pixels."""
        for kind, window in self._windows():
            if np.array_equal(resize(take_square(self._photo.rgb, window), SIZE, SIZE), picture):
                return kind, window
        raise NoWindow(
            "the segmenter was shown a part of a golden photo that is no window of docs/preprocessing.md, sections 4 "
            "and 5; bring that page and export/golden/walk.py up to date with coindex/segmentation.py"
        )

    def _windows(self) -> Iterator[tuple[str, Box]]:
        longer = max(self._photo.rgb.shape[:2])
        if not self._counts["first"]:
            yield "first", Box(0, 0, longer, longer)
            return
        if not self._counts["second"]:
            side = -(-longer // 2)
            step = -(-(longer - side) // 2)
            for place in range(9):
                yield "enlarged", Box(place % 3 * step, place // 3 * step, side, side)
        for box in self._boxes:
            yield "second", square_around(box, margin=MARGIN)


@dataclass
class _Turns:
    """The embedder, whose answer to each quarter turn is tapped."""

    name: str
    nets: Nets
    tap: _Tap
    turn: int = 0

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.stack([self._embed(picture) for picture in pixels])

    def _embed(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        answer = self.nets.models.embedder(picture[None])[0]
        steps = self.tap(f"{self.name}.turn.{self.turn}", self.nets.embedding.steps(answer).tolist(), INT8_EMBEDDING)
        self.turn += 1
        return self.nets.embedding.values(np.array(steps, np.int8))


def is_exact(name: str) -> bool:
    """Whether every decoder gives the same pixels."""
    return Path(name).suffix == ".png"


def _flat(logits: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Int8 (256, 256, 2) as a grey picture (512, 256): coin above core, each byte the step + 128."""
    return np.asarray(np.concatenate([logits[:, :, 0], logits[:, :, 1]]).view(np.uint8) ^ np.uint8(0x80))


def _square(output: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Int8 (8, 64, 8) as a grey picture (64, 64) of its bytes in order, each the step + 128: decoders of photos refuse
    what is narrower than 16."""
    return np.asarray(output.reshape(64, 64).view(np.uint8) ^ np.uint8(0x80))


def _planes(picture: NDArray[np.uint8]) -> NDArray[np.int8]:
    steps = (picture ^ np.uint8(0x80)).view(np.int8)
    return np.stack([steps[:SIZE], steps[SIZE:]], axis=2)


def _in_photo(box: Box, window: Box) -> Box:
    """A region's box in the photo's pixels: `docs/preprocessing.md`, section 4."""

    def edge(value: int) -> int:
        return (2 * value * window.width + SIZE) // (2 * SIZE)

    left, top, right, bottom = map(edge, (box.x, box.y, box.x + box.width, box.y + box.height))
    return Box(window.x + left, window.y + top, max(right - left, 1), max(bottom - top, 1))


def _in_pixels_of(detailed: Photo, box: Box, small: Photo) -> Box:
    """A box in the pixels of the larger decoding: `docs/preprocessing.md`, section 4."""
    (height, width), (larger_height, larger_width) = small.rgb.shape[:2], detailed.rgb.shape[:2]
    left, right = ((2 * x * larger_width + width) // (2 * width) for x in (box.x, box.x + box.width))
    top, bottom = ((2 * y * larger_height + height) // (2 * height) for y in (box.y, box.y + box.height))
    return Box(left, top, right - left, bottom - top)


def _is_stretched(ellipse: Ellipse | None) -> bool:
    return ellipse is not None and ellipse.filled >= LEAST_FILLED and ellipse.aspect >= LEAST_ASPECT


def _moments(ellipse: Ellipse) -> list[float]:
    return [ellipse.x, ellipse.y, ellipse.xx, ellipse.xy, ellipse.yy, ellipse.filled]


def _listed(box: Box) -> list[int]:
    return [box.x, box.y, box.width, box.height]
