"""Phone-like photographs of coins, real cut-outs or rendered ones, that lie on a background."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from coindex_synthetic.camera import photographed
from coindex_synthetic.relief import Bytes, Floats
from coindex_synthetic.scene_settings import SceneSettings

SHADOW = 0.06  # length of a shadow, as a share of the coin's diameter
THICKNESS = 0.075  # of a coin, as a share of its diameter
_TRIES = 40  # places tried for a coin before it is made smaller


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

    Coins are drawn without replacement while there are enough of them. Where not all have room, those that have are
    shown.

    Args:
        coins: Each is (rgb uint8 (h, w, 3), mask uint8 (h, w)), coin where the mask is above 127.
        background: uint8 (h, w, 3). The scene has its size.

    Raises:
        ValueError: If a mask is empty, shapes do not fit, or there are no coins where at least one is asked for.
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
    softness, length = float(rng.uniform(0.02, 0.12)), SHADOW
    # A scene without a flash draws nothing for it, so that it stays the scene that it was.
    if settings.hard_shadow > 0 and rng.random() < settings.hard_shadow:
        softness, length = float(rng.uniform(0.002, 0.01)), float(rng.uniform(0.03, 0.25))
        shadow = float(rng.uniform(0.4, 0.9))
    for place in _arranged([int(index) for index in chosen], cut, view, width, height, settings, rng):
        box = _lay(
            canvas,
            instances,
            len(order) + 1,
            cut[place.source],
            place,
            view,
            _Shade(light, shadow, softness, length),
            settings,
            rng,
        )
        if box is not None:
            boxes.append(box)
            order.append(place.source)
    rgb = photographed(canvas, settings, rng)
    return Scene(rgb, instances, np.array(boxes, dtype=np.int32).reshape(-1, 4), tuple(order))


@dataclass(frozen=True)
class _Shade:
    """The shadow beside each coin: its direction in radians, its darkness, and edge and length in coin diameters."""

    light: float
    strength: float
    softness: float
    length: float


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
    shade: _Shade,
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
    reach = 2 + (shade.length + 3 * shade.softness) * place.diameter
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
    if shade.strength > 0:
        ground *= (1 - shade.strength * _shadow(solid, place.diameter, shade))[..., None]
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


def _shadow(solid: Bytes, diameter: float, shade: _Shade) -> Floats:
    """Return the shade around a coin in 0…1: dark where it touches the table, soft away from the light."""
    factor = max(1, int(diameter // 60))
    rows, columns = solid.shape
    small = cv2.resize(solid, (max(2, columns // factor), max(2, rows // factor)), interpolation=cv2.INTER_AREA)
    length = shade.length * diameter / factor
    move = np.array([[1, 0, length * np.cos(shade.light)], [0, 1, length * np.sin(shade.light)]])
    cast = cv2.warpAffine(small, move, (small.shape[1], small.shape[0]))
    cast = cv2.GaussianBlur(cast, (0, 0), max(0.6, shade.softness * diameter / factor))
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
