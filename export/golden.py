"""Golden vectors: every step from photo to answer, so that a port finds the first one at which it differs."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from PIL import Image

from coindex.catalog.search import CatalogIndex
from coindex.catalog.state import Rows
from coindex.codes import quantise
from coindex.cutout import LEAST_ASPECT, LEAST_FILLED, SIZE, Box, cut_out, mask_box, square_around, take_square
from coindex.ellipse import Ellipse, ellipse_of
from coindex.errors import ExportError
from coindex.models import DEFAULT_FOLDER, Models, load_models
from coindex.open_set import OpenSet, evidence
from coindex.photo import ORIENTATION_TAG, Photo, load_photo
from coindex.pipeline import box_in_photo, embed_turned
from coindex.resize import resize
from coindex.segmentation import MARGIN, ZOOM_GRID, FoundCoin, Region, find_coins, regions
from coindex.synthetic import (
    EVALUATION_SEVERITY,
    RenderedCoin,
    SceneSettings,
    Side,
    Specimen,
    background,
    coin_type,
    compose_scene,
    render_coin,
    studio_lighting,
)
from coindex.synthetic.dataset import SIDES
from export.replace import replaced_folder

__all__ = ["DEFAULT_GOLDEN", "FORMAT", "INDEX_NAME", "Difference", "check_golden", "write_golden"]

DEFAULT_GOLDEN = DEFAULT_FOLDER.parent / "golden"
"""Where a checkout keeps the golden vectors."""

INDEX_NAME = "golden.json"
FORMAT = 1


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

FLOAT64 = Tolerance(most=1e-6, mean=1e-6)
"""What the order of a few float64 operations may change."""


@dataclass(frozen=True)
class Difference:
    """A step of a photo at which the library is not what the golden files say, and in what."""

    photo: str
    step: str
    reason: str

    def __str__(self) -> str:
        return f"{self.photo}: {self.step}: {self.reason}"


def write_golden(folder: Path, models: Path) -> None:
    """Draw the golden photos, walk them through the library with the nets of `models`, and replace `folder`.

    Whole or not at all, and the same bytes each time. Raises `ExportError` where the library looks at a part of a photo
    that `docs/preprocessing.md` does not give, and `ModelError` where the models cannot be loaded.
    """
    nets = _load(models)
    catalogue = _drawn_catalogue(nets)
    with replaced_folder(folder) as staging:
        _empty(staging)
        photos = []
        for name, content in _drawn_photos():
            (staging / name).write_bytes(content)
            tap = _Recorder(staging, Path(name).stem)
            _walk(content, _is_exact(name), nets, catalogue, tap)
            photos.append({"file": name, "steps": tap.steps})
        document = {
            "format": FORMAT,
            "about": "docs/porting.md says how to read this; every picture is drawn by a program",
            "space_id": nets.models.index.space_id,
            "code_scale": nets.models.index.code_scale,
            "models": nets.hashes,
            "outputs": {"segmenter": asdict(nets.logits), "embedder": asdict(nets.embedding)},
            "catalog": catalogue.document(),
            "photos": photos,
        }
        (staging / INDEX_NAME).write_text(_json(document), encoding="utf-8")


def check_golden(folder: Path, models: Path) -> tuple[Difference, ...]:
    """Walk the golden photos through the library with the nets of `models`; every step that differs, in order.

    Each step is given what the golden files say of the step before, if that agreed: one broken step is one difference.
    Raises `ExportError` where the folder cannot be read.
    """
    nets = _load(models)
    document = _read(folder)
    if document["models"] != nets.hashes:
        return (Difference(INDEX_NAME, "models", "made by other models than these: write the golden files anew"),)
    catalogue = _Catalogue.read(document["catalog"])
    differences: list[Difference] = []
    for photo in document["photos"]:
        tap = _Comparer(folder, photo["file"], {step["step"]: step for step in photo["steps"]})
        try:
            _walk(_content(folder / photo["file"]), _is_exact(photo["file"]), nets, catalogue, tap)
            differences += [*tap.differences, *tap.missing()]
        except _NoWindow as error:
            differences += [*tap.differences, Difference(photo["file"], "window", str(error))]
    return tuple(differences)


class _Tap(Protocol):
    """Takes a step's value, and gives the one to go on with."""

    def __call__(self, step: str, value: Any, tolerance: Tolerance | None = None) -> Any: ...


def _walk(content: bytes, exact: bool, nets: "_Nets", catalogue: "_Catalogue", tap: _Tap) -> None:
    """Hand every step of a photo to `tap`: what the library's functions take and return."""
    photo = load_photo(content)
    if photo.in_detail is not None:
        raise ExportError("a golden photo is decoded in one size: draw it smaller")
    tap("photo.size", [photo.width, photo.height])
    tap("photo.decoded", [photo.rgb.shape[1], photo.rgb.shape[0]])
    if exact:
        tap("photo.sha256", sha256(np.ascontiguousarray(photo.rgb).tobytes()).hexdigest())
    looks = _Looks(photo, nets, tap, None if exact else OTHER_DECODER)
    coins = find_coins(photo, looks)
    tap("coins", [looks.second.index(coin.crop) for coin in coins])
    for number, coin in enumerate(coins):
        _walk_coin(f"coin.{number}", photo, coin, looks.shown[coin.crop], nets, catalogue, tap)


def _walk_coin(
    name: str,
    photo: Photo,
    coin: FoundCoin,
    shown: "_Shown",
    nets: "_Nets",
    catalogue: "_Catalogue",
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


class _NoWindow(ExportError):
    """The library showed the segmenter something else than its rules say."""


@dataclass(frozen=True, eq=False)
class _Shown:
    """A second look: its net input and the regions that were seen in it."""

    rgb: NDArray[np.uint8]
    regions: tuple[Region, ...]


class _Looks:
    """The segmenter, each of whose looks is tapped with the window of the photo that it shows."""

    def __init__(self, photo: Photo, nets: "_Nets", tap: _Tap, tolerance: Tolerance | None) -> None:
        self._photo, self._nets, self._tap, self._tolerance = photo, nets, tap, tolerance
        height, width = photo.rgb.shape[:2]
        self._whole = Box(0, 0, max(width, height), max(width, height))
        self._counts = {"first": 0, "enlarged": 0, "second": 0}
        self._boxes: list[Box] = []
        self.second: list[Box] = []
        self.shown: dict[Box, _Shown] = {}

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.stack([self._look(picture) for picture in pixels])

    def _look(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        kind, window = self._shown(picture)
        name = f"{kind}.{self._counts[kind]}"
        self._counts[kind] += 1
        self._tap(f"{name}.window", _listed(window))
        if kind == "enlarged":
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
        raise _NoWindow(
            "the segmenter was shown a part of a golden photo that is no window of docs/preprocessing.md, sections 4 "
            "and 5; bring that page and export/golden.py up to date with coindex/segmentation.py"
        )

    def _windows(self) -> Iterator[tuple[str, Box]]:
        if not self._counts["first"]:
            yield "first", self._whole
            return
        if not self._counts["second"]:
            side = -(-self._whole.width // 2)
            step = -(-(self._whole.width - side) // (ZOOM_GRID - 1))
            for place in range(ZOOM_GRID * ZOOM_GRID):
                yield "enlarged", Box(place % ZOOM_GRID * step, place // ZOOM_GRID * step, side, side)
        for box in self._boxes:
            yield "second", square_around(box, margin=MARGIN)


@dataclass
class _Turns:
    """The embedder, whose answer to each quarter turn is tapped."""

    name: str
    nets: "_Nets"
    tap: _Tap
    turn: int = 0

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.stack([self._embed(picture) for picture in pixels])

    def _embed(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        answer = self.nets.models.embedder(picture[None])[0]
        steps = self.tap(f"{self.name}.turn.{self.turn}", self.nets.embedding.steps(answer).tolist(), INT8_EMBEDDING)
        self.turn += 1
        return self.nets.embedding.values(np.array(steps, np.int8))


@dataclass
class _Recorder:
    """A tap that writes each step: a picture as a file beside the others of its photo, all else into the index."""

    folder: Path
    photo: str
    steps: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, step: str, value: Any, tolerance: Tolerance | None = None) -> Any:
        entry: dict[str, Any] = {"step": step}
        if isinstance(value, np.ndarray):
            entry["file"] = f"{self.photo}/{step}.png"
            (self.folder / entry["file"]).parent.mkdir(exist_ok=True)
            (self.folder / entry["file"]).write_bytes(_png(value))
        else:
            entry["value"] = value
        if tolerance:
            entry["tolerance"] = asdict(tolerance)
        self.steps.append(entry)
        return value


@dataclass
class _Comparer:
    """A tap that compares each step with the golden one, and goes on with the golden one where they agree."""

    folder: Path
    photo: str
    golden: Mapping[str, Mapping[str, Any]]
    differences: list[Difference] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def __call__(self, step: str, value: Any, tolerance: Tolerance | None = None) -> Any:
        self.taken.add(step)
        if step not in self.golden:
            self._differs(step, "the golden files have no such step")
            return value
        expected = self._expected(self.golden[step])
        reason = _difference(value, expected, tolerance)
        if reason:
            self._differs(step, reason)
            return value
        return expected

    def missing(self) -> list[Difference]:
        """The golden steps that the library did not take."""
        return [Difference(self.photo, step, "not taken") for step in self.golden if step not in self.taken]

    def _expected(self, entry: Mapping[str, Any]) -> Any:
        return _pixels(self.folder / entry["file"]) if "file" in entry else entry["value"]

    def _differs(self, step: str, reason: str) -> None:
        self.differences.append(Difference(self.photo, step, reason))


def _difference(value: Any, expected: Any, tolerance: Tolerance | None) -> str:
    """In what a value is not the expected one; empty where it is."""
    if tolerance is None or value is None or expected is None:
        if isinstance(value, np.ndarray):
            return _difference(value, expected, Tolerance(0, 0))
        return "" if value == expected else f"{_short(value)}, expected {_short(expected)}"
    a, b = np.asarray(value, np.float64), np.asarray(expected, np.float64)
    if a.shape != b.shape:
        return f"shape {a.shape}, expected {b.shape}"
    apart = np.abs(a - b)
    if apart.size == 0 or (apart.max() <= tolerance.most and apart.mean() <= tolerance.mean):
        return ""
    place = [int(index) for index in np.unravel_index(int(apart.argmax()), apart.shape)]
    return (
        f"off by up to {apart.max():g}, {apart.mean():.3g} on average, most at {place}; at most {tolerance.most:g} and "
        f"{tolerance.mean:g} are allowed"
    )


@dataclass(frozen=True)
class _Steps:
    """An int8 output's quantisation: value = (step - zero_point) · scale."""

    scale: float
    zero_point: int

    def steps(self, values: NDArray[np.float32]) -> NDArray[np.int8]:
        """The int8 tensor of a net's dequantised answer; raises `ExportError` where it is of another quantisation."""
        steps = np.rint(values / np.float32(self.scale)).astype(np.int32) + self.zero_point
        tensor = np.asarray(np.clip(steps, -128, 127), np.int8)
        if not np.array_equal(self.values(tensor), values):
            raise ExportError("a net's answer is no int8 tensor: golden files are made with the int8 models alone")
        return tensor

    def values(self, steps: NDArray[np.int8]) -> NDArray[np.float32]:
        """The net's dequantised answer, as `coindex.runtime` computes it."""
        return np.asarray((steps.astype(np.float32) - np.float32(self.zero_point)) * np.float32(self.scale))


@dataclass(frozen=True)
class _Nets:
    """The int8 nets with the quantisation of their outputs and the SHA-256 of their files."""

    models: Models
    logits: _Steps
    embedding: _Steps

    @property
    def hashes(self) -> dict[str, str]:
        return {"segmenter": self.models.index.segmenter.sha256, "embedder": self.models.index.embedder.sha256}

    def segment(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits float32 (256, 256, 2) of one picture."""
        return np.asarray(self.models.segmenter(picture[None])[0])


def _load(models: Path) -> _Nets:
    loaded = load_models(models)
    files = (models / loaded.index.segmenter.file, models / loaded.index.embedder.file)
    return _Nets(loaded, *(_output_steps(file) for file in files))


def _output_steps(path: Path) -> _Steps:
    scale, zero_point = Interpreter(model_path=str(path)).get_output_details()[0]["quantization"]
    return _Steps(float(scale), int(zero_point))


@dataclass(frozen=True)
class _Catalogue:
    """Reference rows, the names of their classes, and how sure an answer is."""

    rows: Rows
    names: Mapping[int, str]
    open_set: OpenSet

    @property
    def index(self) -> CatalogIndex:
        return CatalogIndex.from_rows(self.rows)

    def document(self) -> dict[str, Any]:
        return {
            "open_set": self.open_set.document(),
            "classes": [{"class": number, "name": name} for number, name in self.names.items()],
            "rows": [
                {"row": int(row), "class": int(number), "code": code.tolist()}
                for row, number, code in zip(self.rows.row_ids, self.rows.class_ids, self.rows.codes, strict=True)
            ],
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "_Catalogue":
        rows = document["rows"]
        return cls(
            Rows(
                np.array([row["row"] for row in rows], np.uint32),
                np.array([row["class"] for row in rows], np.uint32),
                np.array([row["code"] for row in rows], np.int8),
            ),
            {entry["class"]: entry["name"] for entry in document["classes"]},
            OpenSet.read(lambda name: float(document["open_set"][name])),
        )


# What the catalogue holds and the photos show, by the seeds that draw it.
CATALOGUE_TYPES = (*range(7_100, 7_110), 7_111, 7_118)
HOLED, BIMETAL, HEPTAGON, PLAIN_ROUND, SQUARE = 7_118, 7_103, 7_100, 7_105, 7_102
UNLISTED = 7_120
"""A coin type that the catalogue lacks."""

SEED = 41
COIN_PIXELS = 320
FIRST_ROW, FIRST_CLASS = 11, 1
TWIN_ROW = 400
"""A row with the very code of another class's: equal distances, told apart by row id alone."""

PLAIN = replace(
    EVALUATION_SEVERITY, noise=(0, 0), motion=0, blur=(0.7, 0.7), jpeg_quality=None, glare=0, tilt=0, brightness=(1, 1)
)
"""A clear photo: its PNG is small, and what a port gets wrong is not hidden by what a net finds hard."""

ONE = replace(PLAIN, coin_width=(0.5, 0.5))
SMALL_AND_TOUCHING = replace(PLAIN, coin_width=(0.09, 0.16), coins=(6, 6), touching=True, outside=True)
"""No coin has 48 net pixels, so that the enlarged look happens."""

TILTED = replace(ONE, tilt=50.0)
NO_COIN = replace(PLAIN, coins=(0, 0))
FROM_AFAR = replace(PLAIN, coin_width=(0.3, 0.3), blur=(2, 2))


def _drawn_catalogue(nets: _Nets) -> _Catalogue:
    """Both sides of each type in a studio's light, encoded from their drawings and true masks."""
    rng = np.random.default_rng([SEED, 0])
    coins: list[RenderedCoin] = []
    names: dict[int, str] = {}
    for seed, side in product(CATALOGUE_TYPES, SIDES):
        kind = coin_type(seed)
        coins.append(_struck(seed, side, rng))
        names[FIRST_CLASS + len(names)] = f"{kind.country} {kind.denomination}, {side}"
    embeddings = np.stack([embed_turned(cut_out(coin.rgb, coin.mask), nets.models.embedder) for coin in coins])
    codes = quantise(embeddings, nets.models.index.code_scale)
    row_ids = np.array([*range(FIRST_ROW, FIRST_ROW + len(codes)), TWIN_ROW], np.uint32)
    class_ids = np.array([*names, FIRST_CLASS], np.uint32)
    return _Catalogue(Rows(row_ids, class_ids, np.concatenate([codes, codes[-1:]])), names, nets.models.index.open_set)


def _drawn_photos() -> Iterator[tuple[str, bytes]]:
    """The golden photos with their file names."""
    six = (PLAIN_ROUND, HEPTAGON, BIMETAL, SQUARE, HOLED, PLAIN_ROUND)
    yield "one-coin.png", _png(_scene("paper", 400, 320, [HOLED], ONE, seed=1))
    yield "touching-coins.png", _png(_scene("gradient", 640, 480, six, SMALL_AND_TOUCHING, seed=22))
    yield "tilted-coin.png", _png(_scene("gradient", 400, 320, [BIMETAL], TILTED, seed=27))
    yield "cut-by-the-frame.png", _png(_scene("gradient", 400, 320, [UNLISTED], ONE, seed=4)[:, 150:])
    yield "no-coin.png", _png(_scene("cloth", 200, 150, [], NO_COIN, seed=5))
    yield "reduced.jpg", _jpeg(_scene("paper", 2560, 1920, [SQUARE], FROM_AFAR, seed=6))
    yield "turned.jpg", _jpeg(np.rot90(_scene("gradient", 400, 320, [HEPTAGON], ONE, seed=7)), orientation=6)


def _scene(
    family: str, width: int, height: int, types: Sequence[int], settings: SceneSettings, *, seed: int
) -> NDArray[np.uint8]:
    rng = np.random.default_rng([SEED, seed])
    coins = [_struck(kind, "obverse", rng) for kind in types]
    ground = background(family, width=width, height=height, rng=rng)
    return compose_scene([(coin.rgb, coin.mask) for coin in coins], ground, settings=settings, rng=rng).rgb


def _struck(seed: int, side: Side, rng: np.random.Generator) -> RenderedCoin:
    return render_coin(coin_type(seed), side, size=COIN_PIXELS, specimen=Specimen(), lighting=studio_lighting(rng))


def _png(pixels: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, "PNG", optimize=True)
    return out.getvalue()


def _jpeg(pixels: NDArray[np.uint8], *, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, "JPEG", quality=80, exif=exif)
    return out.getvalue()


def _is_exact(name: str) -> bool:
    """Whether every decoder gives the same pixels."""
    return Path(name).suffix == ".png"


def _flat(logits: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Int8 (256, 256, 2) as a grey picture (512, 256): coin above core, each byte the step + 128."""
    return np.asarray(np.concatenate([logits[:, :, 0], logits[:, :, 1]]).view(np.uint8) ^ np.uint8(0x80))


def _planes(picture: NDArray[np.uint8]) -> NDArray[np.int8]:
    steps = (picture ^ np.uint8(0x80)).view(np.int8)
    return np.stack([steps[:SIZE], steps[SIZE:]], axis=2)


def _in_photo(box: Box, window: Box) -> Box:
    """A region's box in the photo's pixels: `docs/preprocessing.md`, section 4."""

    def edge(value: int) -> int:
        return (2 * value * window.width + SIZE) // (2 * SIZE)

    left, top, right, bottom = map(edge, (box.x, box.y, box.x + box.width, box.y + box.height))
    return Box(window.x + left, window.y + top, max(right - left, 1), max(bottom - top, 1))


def _is_stretched(ellipse: Ellipse | None) -> bool:
    return ellipse is not None and ellipse.filled >= LEAST_FILLED and ellipse.aspect >= LEAST_ASPECT


def _moments(ellipse: Ellipse) -> list[float]:
    return [ellipse.x, ellipse.y, ellipse.xx, ellipse.xy, ellipse.yy, ellipse.filled]


def _listed(box: Box) -> list[int]:
    return [box.x, box.y, box.width, box.height]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ExportError(f"{path}: cannot be read ({error.strerror}); write the golden files anew") from None


def _pixels(path: Path) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as picture:
            return np.asarray(picture)
    except OSError as error:
        raise ExportError(f"{path}: not a picture that can be read ({error}); write the golden files anew") from None


def _empty(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def _read(folder: Path) -> dict[str, Any]:
    path = folder / INDEX_NAME
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ExportError(f"{path}: not readable as JSON ({error}); write the golden files anew") from None
    if document.get("format") != FORMAT:
        raise ExportError(f"{path}: format {document.get('format')}, expected {FORMAT}; write the golden files anew")
    return document


def _json(document: Mapping[str, Any]) -> str:
    """JSON with a line for each field, step, class and row: a change shows where it is."""

    def written(value: Any, depth: int) -> str:
        if depth == 0 or not isinstance(value, dict | list) or not value:
            return json.dumps(value, ensure_ascii=False)
        if isinstance(value, dict):
            parts = [f"{json.dumps(key)}: {written(part, depth - 1)}" for key, part in value.items()]
            return "{\n" + ",\n".join(parts) + "\n}"
        return "[\n" + ",\n".join(written(part, depth - 1) for part in value) + "\n]"

    # photos, a photo, its steps, a step
    return written(document, 4) + "\n"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
