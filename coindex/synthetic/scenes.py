"""Phone-like photographs of coins, real cut-outs or rendered ones, that lie on a background."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from coindex.synthetic.relief import Bytes, Floats

Range = tuple[float, float]

THICKNESS = 0.075  # of a coin, as a share of its diameter
_TRIES = 40  # places tried for a coin before it is made smaller


@dataclass(frozen=True)
class SceneSettings:
    """How a scene may look. Ranges are (least, most) and drawn evenly unless said otherwise.

    `coin_width`: a coin's diameter as a share of the frame's width, drawn evenly in its logarithm. `tilt`:
    the most the camera leans from straight above, in degrees. `glare` and `shadow`: probabilities; their
    strengths are drawn in 0…`glare_strength` and 0…`shadow_strength` (1 = white, black). `blur`: the defocus
    sigma and `motion` the longest smear, in pixels of the frame. `noise`: sensor noise at mid grey, in grey
    levels. `jpeg_quality` None skips the JPEG round trip. `brightness`: a factor, drawn evenly in its
    logarithm. `colour_cast`: the spread of the channels' gains. `light_gradient` and `vignette`: the share of
    light lost across the frame and at its corners.
    """

    coins: tuple[int, int] = (1, 5)
    coin_width: Range = (0.08, 0.6)
    tilt: float = 40.0
    touching: bool = True
    overlapping: bool = True
    outside: bool = True
    glare: float = 0.4
    glare_strength: float = 0.8
    shadow: float = 0.9
    shadow_strength: float = 0.65
    blur: Range = (0.0, 1.0)
    motion: float = 3.0
    noise: Range = (0.0, 8.0)
    jpeg_quality: tuple[int, int] | None = (40, 95)
    brightness: Range = (0.55, 1.5)
    colour_cast: float = 0.08
    light_gradient: float = 0.4
    vignette: float = 0.3

    def __post_init__(self) -> None:
        """Refuse settings that no scene can meet, naming the field."""
        if not 0 <= self.coins[0] <= self.coins[1]:
            raise ValueError(f"coins must be (least, most) with 0 <= least <= most, got {self.coins}")
        if not 0 < self.coin_width[0] <= self.coin_width[1]:
            raise ValueError(f"coin_width must be (least, most) with 0 < least <= most, got {self.coin_width}")
        if not 0 <= self.tilt < 80:
            raise ValueError(f"tilt must be in 0…80 degrees, got {self.tilt}")


EVALUATION_SEVERITY = SceneSettings(
    coins=(1, 1),
    coin_width=(0.05, 0.60),
    tilt=35.0,
    touching=False,
    overlapping=False,
    outside=False,
    glare=0.5,
    glare_strength=0.6,
    shadow=1.0,
    shadow_strength=0.6,
    blur=(0.3, 1.4),
    motion=3.0,
    noise=(2.0, 7.0),
    jpeg_quality=(60, 60),
    brightness=(0.65, 1.35),
    colour_cast=0.08,
    light_gradient=0.35,
    vignette=0.25,
)


@dataclass(frozen=True)
class Scene:
    """A photograph and what is on it.

    `rgb` uint8 (h, w, 3). `instances` uint8 (h, w): 0 is background, i + 1 the visible pixels of coin i.
    `boxes` int32 (n, 4): x, y, width, height of each whole coin, hidden parts included, clipped to the frame.
    `order[i]` is the index of the given coin that coin i shows.
    """

    rgb: Bytes
    instances: Bytes
    boxes: npt.NDArray[np.int32]
    order: tuple[int, ...]


@dataclass(frozen=True)
class _Placement:
    """One coin on the table: which, its turn in degrees, its diameter and centre in pixels of the frame."""

    source: int
    spin: float
    diameter: float
    x: float
    y: float


def compose_scene(
    coins: Sequence[tuple[Bytes, Bytes]],
    background: Bytes,
    *,
    settings: SceneSettings,
    rng: np.random.Generator,
) -> Scene:
    """Photograph some of `coins` on `background`.

    Each coin is (rgb uint8 (h, w, 3), mask uint8 (h, w)), coin where the mask is above 127. The scene has
    the background's size, uint8 (h, w, 3). Coins are drawn without replacement while there are enough of
    them. Where not all have room, those that have are shown. Raises `ValueError` for an empty mask,
    mismatched shapes, or no coins where at least one is asked for.
    """
    height, width = background.shape[:2]
    cut = [_cropped(rgb, mask, index) for index, (rgb, mask) in enumerate(coins)]
    if settings.coins[0] > 0 and not cut:
        raise ValueError("no coins given, but the settings ask for at least one")
    wanted = int(rng.integers(settings.coins[0], settings.coins[1] + 1)) if cut else 0
    chosen = rng.permutation(len(cut))[:wanted] if wanted <= len(cut) else rng.integers(0, len(cut), wanted)
    tilt = float(settings.tilt * np.sqrt(rng.random()))
    view = _View(tilt, float(rng.uniform(0, 360)), float(rng.uniform(5, 14)))
    canvas = background.copy()
    instances: Bytes = np.zeros((height, width), dtype=np.uint8)
    boxes: list[tuple[int, int, int, int]] = []
    order: list[int] = []
    light = rng.uniform(0, 2 * np.pi)
    shadow = _chance(settings.shadow, settings.shadow_strength, rng)
    softness = float(rng.uniform(0.02, 0.12))
    for place in _arranged([int(index) for index in chosen], cut, view, width, height, settings, rng):
        box = _lay(
            canvas,
            instances,
            len(order) + 1,
            cut[place.source],
            place,
            view,
            light,
            shadow,
            softness,
            settings,
            rng,
        )
        if box is not None:
            boxes.append(box)
            order.append(place.source)
    rgb = _photographed(canvas, settings, rng)
    return Scene(rgb, instances, np.array(boxes, dtype=np.int32).reshape(-1, 4), tuple(order))


@dataclass(frozen=True)
class _View:
    """The camera over the table: its lean and the lean's direction in degrees, its distance in coin radii."""

    tilt: float
    direction: float
    distance: float

    def homography(self, place: _Placement, columns: int, rows: int) -> npt.NDArray[np.float64]:
        """Return the map (3, 3) from a cut-out's pixels to the frame's."""
        half = max(columns, rows) / 2
        spin, lean, tilt = np.radians(place.spin), np.radians(self.direction), np.radians(self.tilt)
        unit = np.array([[1 / half, 0, -(columns - 1) / 2 / half], [0, 1 / half, -(rows - 1) / 2 / half], [0, 0, 1]])
        before, after = _turn(spin - lean), _turn(lean)
        # The coin leans about the level axis: y shortens by the cosine, depth grows as y sine / distance.
        leaning = np.array([[1, 0, 0], [0, np.cos(tilt), 0], [0, np.sin(tilt) / self.distance, 1]])
        radius = place.diameter / 2
        put = np.array([[radius, 0, place.x], [0, radius, place.y], [0, 0, 1]])
        return np.asarray(put @ after @ leaning @ before @ unit, dtype=np.float64)

    def drop(self, diameter: float) -> tuple[float, float]:
        """Return where the coin's lower face lies relative to its upper one, in pixels of the frame."""
        lean, slip = np.radians(self.direction), THICKNESS * diameter * np.sin(np.radians(self.tilt))
        return float(np.sin(lean) * slip), float(-np.cos(lean) * slip)


def _chance(probability: float, strength: float, rng: np.random.Generator) -> float:
    """Return 0, or with `probability` a value up to `strength`; two draws always, so nothing else moves."""
    happens, share = rng.random(2)
    return float(strength * (0.25 + 0.75 * share)) if happens < probability else 0.0


def _turn(angle: float) -> npt.NDArray[np.float64]:
    return np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])


def _cropped(rgb: Bytes, mask: Bytes, index: int) -> Bytes:
    """Return the coin's own square as uint8 (h, w, 4), colour times mask and mask."""
    if rgb.shape[:2] != mask.shape or rgb.ndim != 3:
        raise ValueError(f"coin {index}: rgb {rgb.shape} and mask {mask.shape} do not belong together")
    solid = (mask > 127).astype(np.uint8)
    x, y, w, h = cv2.boundingRect(solid)
    if w == 0 or h == 0:
        raise ValueError(f"coin {index}: its mask is empty")
    part = solid[y : y + h, x : x + w]
    return np.ascontiguousarray(np.dstack([rgb[y : y + h, x : x + w] * part[..., None], part * np.uint8(255)]))


def _extent(cut: Bytes, place: _Placement, view: _View) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom in the frame of the coin with its edge, taken as round or square."""
    rows, columns = cut.shape[:2]
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    around = np.stack(
        [(columns - 1) / 2 + columns / 2 * np.cos(angle), (rows - 1) / 2 + rows / 2 * np.sin(angle)], axis=1
    )
    corner = np.array([[0, 0], [columns, 0], [0, rows], [columns, rows]], dtype=np.float64)
    solid = cut[..., 3]
    square = min(solid[0, 0], solid[0, -1], solid[-1, 0], solid[-1, -1]) > 0
    points = (corner if square else around)[None].astype(np.float64)
    seen = cv2.perspectiveTransform(points, view.homography(place, columns, rows))[0]
    dx, dy = view.drop(place.diameter)
    low, high = seen.min(axis=0), seen.max(axis=0)
    return (
        float(low[0] + min(dx, 0)),
        float(low[1] + min(dy, 0)),
        float(high[0] + max(dx, 0)),
        float(high[1] + max(dy, 0)),
    )


def _arranged(
    chosen: list[int],
    cut: list[Bytes],
    view: _View,
    width: int,
    height: int,
    settings: SceneSettings,
    rng: np.random.Generator,
) -> list[_Placement]:
    """Find a place for each chosen coin; a coin that finds none is made smaller, then left out."""
    placed: list[_Placement] = []
    near = 0.55 if settings.overlapping else 1.0 if settings.touching else 1.12
    low, high = np.log(settings.coin_width)
    for source in chosen:
        diameter = float(np.exp(rng.uniform(low, high))) * width
        spin = float(rng.uniform(0, 360))
        for _ in range(_TRIES):
            x, y = float(rng.uniform(0, width)), float(rng.uniform(0, height))
            if not settings.outside:
                trial = _Placement(source, spin, diameter, 0.0, 0.0)
                x0, y0, x1, y1 = _extent(cut[source], trial, view)
                if x1 - x0 > width - 6 or y1 - y0 > height - 6:
                    diameter *= min((width - 8) / (x1 - x0), (height - 8) / (y1 - y0))
                    continue
                x, y = float(rng.uniform(3 - x0, width - 3 - x1)), float(rng.uniform(3 - y0, height - 3 - y1))
            if settings.touching and placed and rng.random() < 0.4:
                other = placed[int(rng.integers(len(placed)))]
                turn, gap = rng.uniform(0, 2 * np.pi), near * (diameter + other.diameter) / 2 + 1
                beside = other.x + gap * np.cos(turn), other.y + gap * np.sin(turn)
                if settings.outside and 0 <= beside[0] < width and 0 <= beside[1] < height:
                    x, y = float(beside[0]), float(beside[1])
            if all(np.hypot(x - other.x, y - other.y) >= near * (diameter + other.diameter) / 2 for other in placed):
                placed.append(_Placement(source, spin, diameter, x, y))
                break
            diameter = max(0.94 * diameter, settings.coin_width[0] * width)
    return placed


def _lay(
    canvas: Bytes,
    instances: Bytes,
    label: int,
    cut: Bytes,
    place: _Placement,
    view: _View,
    light: float,
    shadow: float,
    softness: float,
    settings: SceneSettings,
    rng: np.random.Generator,
) -> tuple[int, int, int, int] | None:
    """Paint one coin with its edge and shadow; return its box, or None where none of it is in the frame."""
    height, width = canvas.shape[:2]
    gain = np.float32(np.exp(rng.normal(0, 0.08)))
    glare = _chance(settings.glare, settings.glare_strength, rng)
    spot = rng.uniform(-0.35, 0.35, 2)
    spot_size = float(rng.uniform(0.1, 0.35))
    shrink = min(1.0, 1.25 * place.diameter / max(cut.shape[:2]))
    if shrink < 0.8:
        small = (max(2, round(cut.shape[1] * shrink)), max(2, round(cut.shape[0] * shrink)))
        cut = np.asarray(cv2.resize(cut, small, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    rows, columns = cut.shape[:2]
    x0, y0, x1, y1 = _extent(cut, place, view)
    reach = 2 + (0.06 + 3 * softness) * place.diameter
    left, top = max(0, int(x0 - reach)), max(0, int(y0 - reach))
    right, bottom = min(width, int(x1 + reach) + 2), min(height, int(y1 + reach) + 2)
    if right <= left or bottom <= top:
        return None
    shift = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]], dtype=np.float64)
    matrix = shift @ view.homography(place, columns, rows)
    face = cv2.warpPerspective(cut, matrix, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
    window = canvas[top:bottom, left:right]
    face_alpha = face[..., 3]
    solid = _with_edge(np.asarray(face_alpha, dtype=np.uint8), view.drop(place.diameter))
    ground = window.astype(np.float32)
    if shadow > 0:
        ground *= (1 - shadow * _shadow(solid, place.diameter, light, softness))[..., None]
    alpha, edge_alpha = face_alpha.astype(np.float32) / 255, solid.astype(np.float32) / 255
    opaque = max(int(np.count_nonzero(cut[..., 3] > 127)), 1)
    mean = cut[..., :3].reshape(-1, 3).sum(axis=0, dtype=np.float64) / opaque
    edge = np.asarray(mean * 0.55, dtype=np.float32)
    ground = ground * (1 - edge_alpha[..., None]) + edge * edge_alpha[..., None]
    metal = face[..., :3].astype(np.float32) * gain
    if glare > 0:
        metal += (
            _glare(alpha, place, (left, top), spot, spot_size)[..., None]
            * np.float32(255 * glare)
            * (0.35 + metal / 255)
        )
    picture = ground * (1 - alpha[..., None]) + metal
    window[:] = np.clip(picture, 0, 255).astype(np.uint8)
    inside = solid > 127
    if not inside.any():
        return None
    instances[top:bottom, left:right][inside] = label
    bx, by, bw, bh = cv2.boundingRect(inside.astype(np.uint8))
    return bx + left, by + top, bw, bh


def _with_edge(face: Bytes, drop: tuple[float, float]) -> Bytes:
    """Return the coverage of the face and of the coin's edge that shows under it."""
    dx, dy = round(drop[0]), round(drop[1])
    if dx == 0 and dy == 0:
        return face
    reach = max(abs(dx), abs(dy))
    kernel: Bytes = np.zeros((2 * reach + 1, 2 * reach + 1), dtype=np.uint8)
    cv2.line(kernel, (reach, reach), (reach - dx, reach - dy), (1,))
    return np.asarray(cv2.dilate(face, kernel), dtype=np.uint8)


def _shadow(solid: Bytes, diameter: float, light: float, softness: float) -> Floats:
    """Return the shade around a coin in 0…1: dark where it touches the table, soft away from the light."""
    factor = max(1, int(diameter // 60))
    rows, columns = solid.shape
    small = cv2.resize(solid, (max(2, columns // factor), max(2, rows // factor)), interpolation=cv2.INTER_AREA)
    length = 0.06 * diameter / factor
    move = np.array([[1, 0, length * np.cos(light)], [0, 1, length * np.sin(light)]])
    cast = cv2.warpAffine(small, move, (small.shape[1], small.shape[0]))
    cast = cv2.GaussianBlur(cast, (0, 0), max(0.6, softness * diameter / factor))
    contact = cv2.GaussianBlur(small, (0, 0), max(0.5, 0.018 * diameter / factor))
    both = np.maximum(cast.astype(np.float32) * 0.8, contact.astype(np.float32))
    return np.asarray(cv2.resize(both, (columns, rows), interpolation=cv2.INTER_LINEAR), dtype=np.float32) / 255


def _glare(
    alpha: Floats, place: _Placement, corner: tuple[int, int], spot: npt.NDArray[np.float64], size: float
) -> Floats:
    rows, columns = alpha.shape
    x = (np.arange(columns, dtype=np.float32) + corner[0] - place.x) / place.diameter - np.float32(spot[0])
    y = (np.arange(rows, dtype=np.float32) + corner[1] - place.y) / place.diameter - np.float32(spot[1])
    return np.asarray(
        np.exp(-((y / size) ** 2))[:, None] * np.exp(-((x / size) ** 2))[None, :] * alpha, dtype=np.float32
    )


def _photographed(canvas: Bytes, settings: SceneSettings, rng: np.random.Generator) -> Bytes:
    """Return the picture that a phone makes of the table: uneven light, lens, sensor, JPEG."""
    height, width = canvas.shape[:2]
    sigma = float(rng.uniform(*settings.blur))
    if sigma > 0.15:
        canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), sigma), dtype=np.uint8)
    smear = float(rng.uniform(0, settings.motion))
    angle = rng.uniform(0, np.pi)
    if smear >= 2:
        reach = int(np.ceil(smear / 2))
        kernel: Floats = np.zeros((2 * reach + 1, 2 * reach + 1), dtype=np.float32)
        dx, dy = round(reach * np.cos(angle)), round(reach * np.sin(angle))
        cv2.line(kernel, (reach - dx, reach - dy), (reach + dx, reach + dy), (1.0,))
        canvas = np.asarray(cv2.filter2D(canvas, -1, kernel / kernel.sum()), dtype=np.uint8)
    picture = canvas.astype(np.float32)
    x, y = (
        np.linspace(-1, 1, width, dtype=np.float32)[None, :],
        np.linspace(-1, 1, height, dtype=np.float32)[:, None],
    )
    turn, fall = rng.uniform(0, 2 * np.pi), rng.uniform(0, settings.light_gradient)
    corner = rng.uniform(0, settings.vignette)
    light = 1 + np.float32(0.5 * fall) * (x * np.float32(np.cos(turn)) + y * np.float32(np.sin(turn)))
    light = light * (1 - np.float32(0.5 * corner) * (x * x + y * y))
    level = np.exp(rng.uniform(*np.log(settings.brightness)))
    gains = np.asarray(level * (1 + rng.normal(0, settings.colour_cast, 3)), dtype=np.float32)
    picture *= light[..., None]
    picture *= gains
    strength = float(rng.uniform(*settings.noise))
    if strength > 0:
        # Shot noise grows with the root of the light; a third of the variance at mid grey is read noise.
        grain = rng.standard_normal((height, width, 1), dtype=np.float32)
        blotch = rng.standard_normal(((height + 1) // 2, (width + 1) // 2, 3), dtype=np.float32)
        colour = np.asarray(cv2.resize(blotch, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
        spread = np.sqrt(1 / 3 + np.maximum(picture, 0) * np.float32(2 / 3 / 128)) * np.float32(strength)
        picture += spread * (0.8 * grain + 0.7 * colour)
    result = np.clip(np.round(picture), 0, 255).astype(np.uint8)
    if settings.jpeg_quality is None:
        return result
    quality = int(rng.integers(settings.jpeg_quality[0], settings.jpeg_quality[1] + 1))
    _, coded = cv2.imencode(".jpg", result[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.ascontiguousarray(decoded[..., ::-1]).astype(np.uint8)
