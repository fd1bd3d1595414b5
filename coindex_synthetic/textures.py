"""What textures are made of: noise, clouds, fibres, pebbles, colours and a bent grid.

Scales are shares of the frame's width, so that a picture looks alike at any size.
"""

import cv2
import numpy as np

from coindex_synthetic.relief import Bytes, Floats


def noise(width: int, height: int, cells_x: float, cells_y: float, rng: np.random.Generator) -> Floats:
    """Return smooth noise of about unit spread with so many bumps across and down, (height, width)."""
    columns, rows = min(width, max(2, int(cells_x) + 2)), min(height, max(2, int(cells_y) + 2))
    small = rng.standard_normal((rows, columns), dtype=np.float32)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def cloud(width: int, height: int, cells: float, octaves: int, rng: np.random.Generator) -> Floats:
    total: Floats = np.zeros((height, width), dtype=np.float32)
    for octave in range(octaves):
        fine = cells * 2**octave
        total += noise(width, height, fine, fine * height / width, rng) / np.float32(1.7**octave)
    return total


def tinted(value: Floats, low: Floats, high: Floats) -> Floats:
    """Mix two colours (3,) by `value` (height, width), which is clipped to 0…1."""
    share = np.clip(value, 0, 1)[..., None].astype(np.float32)
    return np.asarray(low + (high - low) * share, dtype=np.float32)


def colour(
    rng: np.random.Generator, hue: tuple[int, int], saturation: tuple[int, int], value: tuple[int, int]
) -> Floats:
    """Draw a colour from ranges of hue (0…179), saturation and value (0…255): float32 (3,) RGB."""
    hsv = np.array(
        [[[rng.integers(hue[0], hue[1] + 1) % 180, rng.integers(*saturation), rng.integers(*value)]]],
        dtype=np.uint8,
    )
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0], dtype=np.float32)


def grid(width: int, height: int, rng: np.random.Generator, *, turned: bool = True) -> tuple[Floats, Floats]:
    """Return x and y in frame widths, turned by a random angle and a little bent by perspective."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32) / width, np.arange(height, dtype=np.float32) / width)
    angle = np.float32(rng.uniform(0, 2 * np.pi) if turned else rng.normal(0, 0.05))
    deep = 1 + np.float32(rng.uniform(-0.3, 0.3)) * (y - 0.4)
    u = (x * np.cos(angle) + y * np.sin(angle)) / deep
    v = (y * np.cos(angle) - x * np.sin(angle)) / deep
    return np.asarray(u + rng.uniform(0, 9), dtype=np.float32), np.asarray(v + rng.uniform(0, 9), dtype=np.float32)


def grain(picture: Floats, amount: float, rng: np.random.Generator) -> Floats:
    height, width = picture.shape[:2]
    return np.asarray(
        picture * (1 + np.float32(amount) * rng.standard_normal((height, width, 1), dtype=np.float32)),
        dtype=np.float32,
    )


def along(u: Floats, v: Floats, fine: float, rng: np.random.Generator) -> Floats:
    """Return noise drawn out along u: fibres."""
    tile = cv2.GaussianBlur(rng.standard_normal((256, 256), dtype=np.float32), (0, 0), 0.7) * 2
    map_x = np.asarray((u * 9) % 1 * 255, dtype=np.float32)
    map_y = np.asarray((v * fine / 256) % 1 * 255, dtype=np.float32)
    return np.asarray(cv2.remap(tile, map_x, map_y, cv2.INTER_LINEAR), dtype=np.float32)


def pebbles(width: int, height: int, cells: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return the distance to the nearest of scattered stones (Worley), 0…1, and a random value a stone."""
    columns, rows = max(3, int(cells)), max(3, int(cells * height / width))
    pitch = max(width / columns, height / rows)
    seeds: Bytes = np.full((height, width), 255, dtype=np.uint8)
    xs = (np.arange(columns)[None, :] + rng.uniform(0.05, 0.95, (rows, columns))) * width / columns
    ys = (np.arange(rows)[:, None] + rng.uniform(0.05, 0.95, (rows, columns))) * height / rows
    seeds[np.minimum(ys.astype(int), height - 1), np.minimum(xs.astype(int), width - 1)] = 0
    distance, labels = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    values = rng.random(int(labels.max()) + 1, dtype=np.float32)
    return np.asarray(distance / pitch, dtype=np.float32), np.asarray(values[labels], dtype=np.float32)
