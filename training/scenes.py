"""Composed photos with their labels: what the segmenter is shown."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from coindex.cutout import SIZE, Box, square_around, take_square
from coindex.segmentation import CORE
from coindex_synthetic import (
    TRAINING_FAMILIES,
    HolderKind,
    SceneSettings,
    background,
    compose_held,
    compose_scene,
)
from training.composites import composite, drawn_ground
from training.sources import CoinPicture

__all__ = ["core_of", "labelled_scene"]

FINGERS = 0.3
"""Share of scenes with fingers in them: coins are shown in hands, and a fingertip is round as well."""

NAIL = 0.4
"""Share of fingers that show their nail."""

ASTRAY = 0.15
"""Share of second looks that look where no coin is centred: what the first look mistook must not be confirmed."""

HELD = 0.35
"""Share of scenes whose coins are in a holder: slab, cardboard, capsule, album page or press-in folder."""

HOLDERS: tuple[HolderKind, ...] = ("slab", "slab", "slab", "flip", "flip", "capsule", "capsule", "page", "folder")
"""Slabs most often: a label is what is mistaken for a coin."""

PROOF = 0.35
"""Share of held coins that are struck as proofs are: frosted relief on a field that mirrors the dark."""

BIMETAL = 0.2
"""Share of coins that are given a core of another metal. Without them a ring of metal passes for a gasket: few coins to
train on are of two metals, and every gasket is a ring round a coin."""

ASTRAY_HELD = 0.3
"""Share of second looks into a holder that look at its label, rim, seam or empty hole."""

ALONE = 0.2
"""Share of examples that are one coin on a plain surface, as segmentation is measured."""

HEAP = 0.12
"""Share of scenes that have other coins far out of focus behind them, which are no coins to find."""

STRAY = 0.15
"""Share of scenes with things on the table that are no coins: caps, buttons."""

HARD_SHADOW = 0.2
"""Share of scenes under a flash, whose shadows have an edge as sharp as a coin's."""

FRAMES = ((256, 256), (256, 192), (192, 256), (256, 144), (144, 256))
"""Net-sized frames (width, height) in the proportions that cameras have."""


def labelled_scene(
    coins: Sequence[CoinPicture],
    textures: Sequence[NDArray[np.uint8]],
    rng: np.random.Generator,
    no_coins: Sequence[CoinPicture] = (),
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """One training example: picture uint8 (256, 256, 3) and labels uint8 (256, 256, 2), 0 or 1: coin and core.

    Half of them are first looks (a whole photo with none to many coins, its longer side at 256), half second looks (the
    square around one coin, with what lies beside it, black beyond the photo's edge). `ALONE` of them are composites of
    one coin, `HELD` of the others show coins in holders. `no_coins` are things that lie among the coins now and then,
    cut out as coins are, and are none to find.
    """
    if rng.random() < ALONE:
        picture, instances = _alone(coins, textures, rng)
    elif rng.random() < HELD:
        picture, instances = _held_look(coins, textures, rng, no_coins)
    elif rng.random() < 0.5:
        picture, instances = _first_look(coins, textures, rng, no_coins)
    else:
        picture, instances = _second_look(coins, textures, rng, no_coins)
    labels = np.stack([(instances > 0).astype(np.uint8), core_of(instances)], axis=2)
    return _graded(picture, rng), labels


def core_of(instances: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What remains (h, w; 0 or 1) of each coin of a label map uint8 (h, w) when `CORE` of its depth is taken off."""
    core = np.zeros(instances.shape, np.uint8)
    for label in range(1, int(instances.max(initial=0)) + 1):
        one = (instances == label).astype(np.uint8)
        box = cv2.boundingRect(one)
        if box[2] == 0:
            continue
        # A border of nothing keeps the depth measured to the coin's own edge, also where the frame cuts it.
        window = one[box[1] : box[1] + box[3], box[0] : box[0] + box[2]]
        depth = cv2.distanceTransform(cv2.copyMakeBorder(window, 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_L2, 5)
        depth = depth[1:-1, 1:-1]
        core[box[1] : box[1] + box[3], box[0] : box[0] + box[2]] |= (depth > CORE * depth.max()).astype(np.uint8)
    return core


def _first_look(
    coins: Sequence[CoinPicture],
    textures: Sequence[NDArray[np.uint8]],
    rng: np.random.Generator,
    no_coins: Sequence[CoinPicture],
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    width, height = FRAMES[int(rng.integers(len(FRAMES)))]
    many = rng.random() < 0.5
    settings = SceneSettings(
        coins=(4, 25) if many else (0, 5),
        coin_width=(0.055, 0.16) if many else (0.06, 0.95),
        jpeg_quality=None,
        colour_cast=0.15,
        noise=(0.0, 6.0),
        blur=(0.0, 0.8),
        brightness=(0.35, 1.5),
    )
    if many:
        # A handful of coins is about the same size; what differs is how far away the camera was.
        size = float(np.exp(rng.uniform(*np.log(settings.coin_width))))
        settings = replace(settings, coin_width=(0.75 * size, 1.2 * size))
    rgb, instances, _ = _composed(coins, textures, width, height, settings, rng, no_coins)
    return _framed(rgb, instances)


def _second_look(
    coins: Sequence[CoinPicture],
    textures: Sequence[NDArray[np.uint8]],
    rng: np.random.Generator,
    no_coins: Sequence[CoinPicture],
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    filling = rng.random() < 0.35
    width, height = (288, 288) if filling else (448, 384)
    settings = SceneSettings(
        coins=(1, 1) if filling else (1, 6),
        coin_width=(0.85, 1.06) if filling else (0.3, 0.55),
        outside=not filling or rng.random() < 0.5,
        jpeg_quality=(40, 95) if rng.random() < 0.3 else None,
        colour_cast=0.15,
        blur=(0.0, 2.0),
        motion=5.0,
        brightness=(0.35, 1.5),
    )
    rgb, instances, boxes = _composed(coins, textures, width, height, settings, rng, no_coins)
    if not len(boxes):
        return _framed(rgb, instances)
    return _looked_at_again(rgb, instances, boxes, ASTRAY, rng)


def _looked_at_again(
    rgb: NDArray[np.uint8],
    instances: NDArray[np.uint8],
    boxes: NDArray[np.int32],
    astray: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    height, width = instances.shape
    x, y, w, h = (int(value) for value in boxes[int(rng.integers(len(boxes)))])
    if rng.random() < astray:
        w, h = (round(value * float(rng.uniform(0.7, 1.5))) for value in (w, h))
        x, y = int(rng.integers(0, max(width - w // 2, 1))), int(rng.integers(0, max(height - h // 2, 1)))
    wide = square_around(Box(x, y, w, h), margin=float(rng.uniform(0.0, 0.32)))
    shift = rng.integers(-wide.width // 20, wide.width // 20 + 1, 2)
    window = Box(wide.x + int(shift[0]), wide.y + int(shift[1]), wide.width, wide.height)
    return _scaled(take_square(rgb, window), cv2.INTER_AREA), _scaled(take_square(instances, window), cv2.INTER_NEAREST)


def _held_look(
    coins: Sequence[CoinPicture],
    textures: Sequence[NDArray[np.uint8]],
    rng: np.random.Generator,
    no_coins: Sequence[CoinPicture],
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    again = rng.random() < 0.5
    width, height = (448, 448) if again else FRAMES[int(rng.integers(len(FRAMES)))]
    settings = SceneSettings(
        tilt=25.0,
        glare=0.5,
        jpeg_quality=(40, 95) if rng.random() < 0.3 else None,
        colour_cast=0.15,
        noise=(0.0, 6.0),
        blur=(0.0, 1.5) if again else (0.0, 0.8),
        brightness=(0.35, 1.5),
    )
    drawn = [coins[int(i)] for i in rng.integers(0, len(coins), 16)]
    shown = [(_as_proof(coin, rng) if rng.random() < PROOF else _struck(coin, rng), coin.mask) for coin in drawn]
    ground = _among(no_coins, _ground(textures, width, height, rng), settings, rng)
    if rng.random() < FINGERS:
        ground = _with_fingers(ground, rng)
    scene = compose_held(shown, ground, settings=settings, rng=rng, kinds=HOLDERS)
    if again and len(scene.boxes):
        return _looked_at_again(scene.rgb, scene.instances, scene.boxes, ASTRAY_HELD, rng)
    return _framed(scene.rgb, scene.instances)


def _as_proof(coin: CoinPicture, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The coin with a dark mirror for its field: what is smooth turns dark, what has detail is frosted metal."""
    grey = cv2.cvtColor(coin.rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = 0.012 * grey.shape[0]
    detail = cv2.GaussianBlur(np.abs(grey - cv2.GaussianBlur(grey, (0, 0), fine)), (0, 0), 1.5 * fine)
    inside = coin.mask > 0
    low, high = np.percentile(detail[inside], (35, 75))
    frost = np.clip((detail - low) / max(float(high - low), 1.0), 0, 1)
    depth = cv2.distanceTransform(coin.mask, cv2.DIST_L2, 3)
    frost[depth < rng.uniform(1, 4)] = rng.uniform(0.2, 1.0)  # the rim's edge
    metal = np.array([1.0, rng.uniform(0.75, 0.95), rng.uniform(0.3, 0.6)]) if rng.random() < 0.6 else np.ones(3)
    field = rng.uniform(0, 50) * rng.uniform(0.8, 1.2, 3)
    bright = (60 + 0.75 * grey)[:, :, None] * metal
    return np.asarray(np.clip(field + (bright - field) * frost[:, :, None], 0, 255), np.uint8)


def _struck(coin: CoinPicture, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The coin's picture; now and then of two metals."""
    return _as_bimetal(coin, rng) if rng.random() < BIMETAL else coin.rgb


def _as_bimetal(coin: CoinPicture, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The coin with ring and core of two metals, which meet in a fine line."""
    left, top, width, height = cv2.boundingRect(coin.mask)
    y, x = np.ogrid[: coin.mask.shape[0], : coin.mask.shape[1]]
    away = np.hypot((x - left - (width - 1) / 2) / (width / 2), (y - top - (height - 1) / 2) / (height / 2))
    reach = float(rng.uniform(0.55, 0.8))
    core = np.clip((reach - away) * width / 2 + 0.5, 0, 1)[:, :, None].astype(np.float32)
    metals = np.array([[1, 1, 1], [1, 0.84, 0.52], [1, 0.72, 0.55], [0.95, 0.9, 0.8]], np.float32)
    ring_tone, core_tone = metals[rng.permutation(len(metals))[:2]] * np.exp(rng.normal(0, 0.2, (2, 1)))
    seam = np.exp(-(((away - reach) / 0.015) ** 2))[:, :, None] * float(rng.uniform(0, 0.6))
    grey = cv2.cvtColor(coin.rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)[:, :, None]
    return np.asarray(np.clip(grey * (ring_tone + (core_tone - ring_tone) * core) * (1 - seam), 0, 255), np.uint8)


def _alone(
    coins: Sequence[CoinPicture], textures: Sequence[NDArray[np.uint8]], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    coin = coins[int(rng.integers(len(coins)))]
    coin = replace(coin, rgb=_struck(coin, rng))
    picture, mask = composite(coin, drawn_ground(textures, side=SIZE, rng=rng), side=SIZE, rng=rng)
    return picture, (mask > 0).astype(np.uint8)


def _composed(
    coins: Sequence[CoinPicture],
    textures: Sequence[NDArray[np.uint8]],
    width: int,
    height: int,
    settings: SceneSettings,
    rng: np.random.Generator,
    no_coins: Sequence[CoinPicture],
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int32]]:
    # One draw of coins a scene: with all of them the composer would look at thousands.
    drawn = [coins[int(i)] for i in rng.integers(0, len(coins), max(settings.coins[1], 1))]
    ground = _among(no_coins, _ground(textures, width, height, rng), settings, rng)
    if rng.random() < HEAP:
        ground = _before_a_heap(coins, ground, rng)
    if rng.random() < FINGERS:
        ground = _with_fingers(ground, rng)
    if rng.random() < HARD_SHADOW:
        settings = replace(settings, hard_shadow=1.0)
    scene = compose_scene([(_struck(coin, rng), coin.mask) for coin in drawn], ground, settings=settings, rng=rng)
    return scene.rgb, scene.instances, scene.boxes


def _among(
    things: Sequence[CoinPicture], ground: NDArray[np.uint8], settings: SceneSettings, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """A background with things on it, as large as the scene's coins, or as it is."""
    if not things or rng.random() >= STRAY:
        return ground
    drawn = [things[int(i)] for i in rng.integers(0, len(things), 4)]
    laid = replace(
        settings, coins=(1, len(drawn)), noise=(0.0, 0.0), blur=(0.0, 0.0), motion=0.0, brightness=(0.8, 1.2),
        jpeg_quality=None,
    )  # fmt: skip
    return compose_scene([(thing.rgb, thing.mask) for thing in drawn], ground, settings=laid, rng=rng).rgb


def _before_a_heap(
    coins: Sequence[CoinPicture], ground: NDArray[np.uint8], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """A background with a heap of coins on it, far out of focus."""
    drawn = [coins[int(i)] for i in rng.integers(0, len(coins), 12)]
    width = float(rng.uniform(0.08, 0.3))
    heap = SceneSettings(
        coins=(6, 12), coin_width=(0.8 * width, 1.2 * width), jpeg_quality=None, noise=(0.0, 0.0), blur=(0.0, 0.0),
        motion=0.0, brightness=(0.6, 1.2),
    )  # fmt: skip
    behind = compose_scene([(coin.rgb, coin.mask) for coin in drawn], ground, settings=heap, rng=rng).rgb
    sigma = width * ground.shape[1] * float(rng.uniform(0.12, 0.35))
    return np.asarray(cv2.GaussianBlur(behind, (0, 0), sigma), np.uint8)


def _ground(
    textures: Sequence[NDArray[np.uint8]], width: int, height: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    kind = rng.random()
    if kind < 0.5 and textures:
        texture = textures[int(rng.integers(len(textures)))]
        side = int(rng.uniform(0.3, 1.0) * min(texture.shape[:2]))
        x, y = (int(rng.integers(0, limit - side + 1)) for limit in texture.shape[1::-1])
        turned = np.rot90(texture[y : y + side, x : x + side], int(rng.integers(4)))
        return np.asarray(cv2.resize(turned, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    if kind < 0.85:
        family = TRAINING_FAMILIES[int(rng.integers(len(TRAINING_FAMILIES)))]
        return background(family, width=width, height=height, rng=rng)
    colour = rng.choice([0, 255, 240]) * np.ones(3) if rng.random() < 0.5 else rng.uniform(0, 255, 3)
    return np.broadcast_to(colour.astype(np.uint8), (height, width, 3)).copy()


def _with_fingers(ground: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw up to five fingers of one hand, round, shaded and with their nails, over a background."""
    # Skin is smooth: half the resolution is enough for it, and four times as quick.
    height, width = ground.shape[0] // 2, ground.shape[1] // 2
    tone = np.array([rng.uniform(90, 245), 0.0, 0.0], np.float32)
    tone[1] = tone[0] * rng.uniform(0.62, 0.85)
    tone[2] = tone[1] * rng.uniform(0.68, 0.95)
    direction = rng.uniform(0, 2 * np.pi)
    thickness = int(rng.uniform(0.07, 0.3) * width) + 2
    skin, cover = np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(1, 6))):
        tip = np.array([rng.uniform(0, width), rng.uniform(0, height)])
        angle = direction + rng.normal(0, 0.25)
        step = np.array([np.cos(angle), np.sin(angle)])
        root = tip + step * 2 * width
        finger = np.zeros((height, width), np.uint8)
        cv2.line(finger, (int(tip[0]), int(tip[1])), (int(root[0]), int(root[1])), 255, thickness)
        depth = cv2.distanceTransform(finger, cv2.DIST_L2, 3) * np.float32(2 / thickness)
        shade = np.float32(rng.uniform(0.9, 1.08)) * (0.55 + 0.5 * np.sqrt(np.minimum(depth, 1)))
        painted = tone * shade[:, :, None]
        if rng.random() < NAIL:
            nail = tip - step * 0.1 * thickness
            axes = (max(thickness // 3, 1), max(thickness // 4, 1))
            patch = np.zeros((height, width), np.uint8)
            cv2.ellipse(patch, (int(nail[0]), int(nail[1])), axes, np.degrees(angle), 0, 360, 1, -1)
            painted[patch > 0] = 0.75 * painted[patch > 0] + np.float32(60)
        skin[finger > 0] = painted[finger > 0]
        cover |= finger
    size = (ground.shape[1], ground.shape[0])
    alpha = cv2.resize(cover, size, interpolation=cv2.INTER_LINEAR)[:, :, None] * np.float32(1 / 255)
    smooth = cv2.resize(skin, size, interpolation=cv2.INTER_LINEAR)
    blended = ground * (1 - alpha) + smooth * alpha
    return np.clip(blended, 0, 255).astype(np.uint8)


def _framed(rgb: NDArray[np.uint8], instances: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    longer = max(rgb.shape[:2])
    window = Box(0, 0, longer, longer)
    return _scaled(take_square(rgb, window), cv2.INTER_AREA), _scaled(take_square(instances, window), cv2.INTER_NEAREST)


def _scaled(image: NDArray[np.uint8], interpolation: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(image, (SIZE, SIZE), interpolation=interpolation), np.uint8)


def _graded(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Another exposure and colour of light: a gamma and a gain a channel, sometimes without any colour."""
    levels = np.arange(256, dtype=np.float32) / 255
    gamma = rng.uniform(0.7, 1.4)
    gains = np.exp(rng.normal(0, 0.25 if rng.random() < 0.3 else 0.05, 3))
    table = np.clip(255 * levels[:, None] ** gamma * gains[None, :], 0, 255).astype(np.uint8)
    graded = np.stack([table[picture[:, :, c], c] for c in range(3)], axis=2)
    if rng.random() < 0.08:
        graded = np.repeat(cv2.cvtColor(graded, cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2)
    return np.asarray(graded, np.uint8)
