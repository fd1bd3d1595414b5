"""From a relief to a picture: what wear leaves of it, and how metal looks under light."""

from dataclasses import dataclass

import cv2
import numpy as np

from coindex_synthetic.coins import CoinType, Metal, Side, coin_mask
from coindex_synthetic.designs import FIELD, blank_mask, height_map
from coindex_synthetic.relief import Bytes, Floats

RELIEF_DEPTH = 0.042  # of the highest point over the coin's edge, as a share of the diameter
METERED_LEVEL = 0.48  # mean linear light that the meter aims at
METER_STRENGTH = 0.65  # below 1, so that silver stays brighter than copper
SMALL = 320  # pictures up to this size are shaded at twice their size and shrunk

# Reflectance at normal incidence, linear RGB. Struck alloys are duller than the pure metals of the tables.
_REFLECTANCE: dict[Metal, tuple[float, float, float]] = {
    "copper": (0.60, 0.28, 0.16),
    "bronze": (0.46, 0.28, 0.14),
    "brass": (0.64, 0.48, 0.19),
    "nordic gold": (0.68, 0.50, 0.22),
    "nickel": (0.52, 0.49, 0.44),
    "silver": (0.74, 0.72, 0.69),
    "gold": (0.85, 0.58, 0.20),
    "steel": (0.52, 0.53, 0.54),
    "zinc": (0.38, 0.40, 0.43),
    "aluminium": (0.68, 0.69, 0.71),
}
# What air and hands leave in the recesses, linear RGB.
_PATINA: dict[Metal, tuple[float, float, float]] = {
    "copper": (0.10, 0.05, 0.03),
    "bronze": (0.07, 0.06, 0.03),
    "brass": (0.10, 0.08, 0.03),
    "nordic gold": (0.10, 0.08, 0.03),
    "nickel": (0.08, 0.075, 0.065),
    "silver": (0.05, 0.05, 0.055),
    "gold": (0.16, 0.08, 0.03),
    "steel": (0.11, 0.07, 0.045),
    "zinc": (0.13, 0.13, 0.125),
    "aluminium": (0.12, 0.12, 0.125),
}


@dataclass(frozen=True)
class Specimen:
    """The one coin in hand. `seed` places its marks; all amounts are 0 (none) … 1 (as bad as it gets).

    `wear` flattens the relief, `scratches` covers lines and bag marks, `dirt` darkens the recesses, `toning`
    discolours in patches, `dullness` takes the mint lustre away. `year` is the date it bears.
    """

    seed: int = 0
    year: int = 2000
    wear: float = 0.0
    scratches: float = 0.0
    dirt: float = 0.0
    toning: float = 0.0
    dullness: float = 0.3


@dataclass(frozen=True)
class Light:
    """One lamp: `azimuth` in degrees clockwise from the picture's top, `elevation` above the coin's plane.

    `colour` is linear RGB around 1, `strength` its irradiance, `spread` how wide it is (0 a point, 1 a sky).
    """

    azimuth: float
    elevation: float
    colour: tuple[float, float, float] = (1.0, 1.0, 1.0)
    strength: float = 1.0
    spread: float = 0.2


@dataclass(frozen=True)
class Lighting:
    """All light on a coin.

    `ambient` is linear RGB from everywhere; `overhead` and `horizon` are what the metal mirrors straight
    above and low around; `specular` scales the lamps' glint, `roughness` (0.15…0.8) widens it; `exposure` is
    the photographer's correction to what the camera meters.
    """

    lights: tuple[Light, ...]
    ambient: tuple[float, float, float] = (0.35, 0.35, 0.35)
    overhead: float = 0.5
    horizon: float = 0.8
    specular: float = 1.0
    roughness: float = 0.4
    exposure: float = 1.0


@dataclass(frozen=True)
class RenderedCoin:
    """A coin that fills its square: `rgb` uint8 (size, size, 3), black around it; `mask` uint8, 0 or 255."""

    rgb: Bytes
    mask: Bytes


def studio_lighting(rng: np.random.Generator) -> Lighting:
    """Draw the even, neutral light of a catalogue picture."""
    first = float(rng.uniform(-60, 30))
    lights = (
        Light(first, float(rng.uniform(38, 55)), strength=float(rng.uniform(1.0, 1.4)), spread=0.35),
        Light(
            first + float(rng.uniform(130, 230)),
            float(rng.uniform(40, 60)),
            strength=float(rng.uniform(0.3, 0.6)),
            spread=0.4,
        ),
    )
    tint = 1 + rng.normal(0, 0.015, 3)
    ambient = (float(0.42 * tint[0]), float(0.42 * tint[1]), float(0.42 * tint[2]))
    return Lighting(
        lights,
        ambient,
        overhead=float(rng.uniform(0.55, 0.9)),
        horizon=float(rng.uniform(0.35, 0.7)),
        specular=float(rng.uniform(0.5, 0.9)),
        roughness=float(rng.uniform(0.38, 0.55)),
        exposure=float(rng.uniform(0.95, 1.15)),
    )


def phone_lighting(rng: np.random.Generator) -> Lighting:
    """Draw what a phone meets: lamps from anywhere, glare, colour, too much or too little of it."""
    warmth = rng.normal(0, 0.14)
    lights = []
    for index in range(int(rng.integers(1, 4))):
        shift = warmth + rng.normal(0, 0.06)
        colour = (float(1 + shift), float(1 + rng.normal(0, 0.03)), float(1 - shift))
        strength = float(rng.uniform(0.7, 1.7)) * (1.0 if index == 0 else 0.4)
        lights.append(
            Light(
                float(rng.uniform(0, 360)),
                float(rng.uniform(14, 80)),
                colour,
                strength,
                float(rng.uniform(0.02, 0.5)),
            )
        )
    level = rng.uniform(0.15, 0.5)
    ambient = (float(level * (1 + warmth)), float(level), float(level * (1 - warmth)))
    return Lighting(
        tuple(lights),
        ambient,
        overhead=float(rng.uniform(0.1, 1.0)),
        horizon=float(rng.uniform(0.2, 1.2)),
        specular=float(rng.uniform(0.4, 1.6)),
        roughness=float(rng.uniform(0.24, 0.6)),
        exposure=float(np.exp(rng.normal(0, 0.25))),
    )


def random_specimen(rng: np.random.Generator, max_wear: float = 1.0) -> Specimen:
    """Draw a coin's state: most are a little worn, few worn nearly blank. `max_wear` is in 0…1."""
    wear = float(max_wear * rng.beta(1.1, 2.2))
    return Specimen(
        seed=int(rng.integers(2**31)),
        year=int(rng.integers(1900, 2026)),
        wear=wear,
        scratches=float(np.clip(rng.beta(1.2, 3) + 0.3 * wear, 0, 1)),
        dirt=float(rng.beta(1.2, 2.5)),
        toning=float(rng.beta(1.1, 2.5)),
        dullness=float(np.clip(0.15 + wear + rng.normal(0, 0.15), 0, 1)),
    )


def render_coin(coin: CoinType, side: Side, *, size: int = 256, specimen: Specimen, lighting: Lighting) -> RenderedCoin:
    """Draw one side of a coin upright, filling a square of `size` pixels.

    Metal is a rough mirror: lamps glint by GGX (Walter et al. 2007) with Schlick's Fresnel term, the
    surroundings are mirrored by the direction of reflection, and what grain and grime scatter is Lambertian.
    """
    scale = 2 * size if size <= SMALL else size
    relief = height_map(coin.design(side), size=scale, year=specimen.year)
    coverage = blank_mask(coin.blank, size=scale).astype(np.float32) / 255
    rng = np.random.default_rng([specimen.seed, 0 if side == "obverse" else 1])
    surface = worn(relief, coverage, specimen.wear)
    marks = _marks(scale, specimen, rng)
    metal, patina = _metal(coin, scale)
    grime = _grime(surface, specimen, rng)
    colour = _toned(metal, specimen, rng) * (1 - grime[..., None]) + patina * grime[..., None]
    light = shade(surface - marks, coverage, colour, grime, specimen, lighting, rng)
    rgb = developed(light * metered(light, coverage) * lighting.exposure) * coverage[..., None]
    if scale != size:
        rgb = cv2.resize(rgb, (size, size), interpolation=cv2.INTER_AREA)
    picture = np.clip(np.round(rgb * 255), 0, 255).astype(np.uint8)
    return RenderedCoin(np.asarray(picture, dtype=np.uint8), coin_mask(coin, size=size))


def worn(relief: Floats, coverage: Floats, wear: float) -> Floats:
    """Return `relief` after `wear` (0…1): high points rubbed down first, edges rounded; same shape."""
    if wear <= 0:
        return relief
    size = relief.shape[0]
    inside = np.where(coverage > 0.5, relief, np.float32(FIELD))
    soft = cv2.GaussianBlur(inside, (0, 0), 0.4 + 0.011 * size * wear**1.3)
    over = np.maximum(soft - np.float32(FIELD), 0)
    kept = over / (1 + 2.5 * wear * over) * (1 - 0.88 * wear**1.5)
    under = np.minimum(soft - np.float32(FIELD), 0) * (1 - 0.7 * wear)
    return np.asarray((FIELD + kept + under) * coverage, dtype=np.float32)


def _noise(size: int, cells: float, rng: np.random.Generator) -> Floats:
    """Return smooth noise of about unit spread with `cells` bumps across, float32 (size, size)."""
    count = max(4, int(np.ceil(cells)) + 3)
    small = rng.standard_normal((count, count)).astype(np.float32)
    return np.asarray(cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def _marks(size: int, specimen: Specimen, rng: np.random.Generator) -> Floats:
    """Return how deep scratches and bag marks cut, in units of the relief."""
    drawn: Bytes = np.zeros((size, size), dtype=np.uint8)
    unit = max(1, round(size / 512))
    for _ in range(rng.poisson(26 * specimen.scratches)):
        start, turn = rng.uniform(0, size, 2), rng.uniform(0, 2 * np.pi)
        length = size * float(rng.exponential(0.10))
        bend = rng.normal(0, 0.15)
        path = [start + length * t * np.array([np.cos(turn + bend * t), np.sin(turn + bend * t)]) for t in (0, 0.5, 1)]
        level = int(rng.uniform(40, 190))
        cv2.polylines(drawn, [np.round(np.array(path) * 16).astype(np.int32)], False, (level,), unit, cv2.LINE_AA, 4)
    for _ in range(rng.poisson(30 * specimen.scratches)):
        centre, turn = rng.uniform(0, size, 2), rng.uniform(0, 360)
        axes = (unit * int(rng.integers(1, 3)), unit * int(rng.integers(1, 6)))
        level = int(rng.uniform(60, 230))
        cv2.ellipse(drawn, (int(centre[0]), int(centre[1])), axes, turn, 0, 360, (level,), -1, cv2.LINE_AA)
    cut = cv2.GaussianBlur(drawn, (0, 0), 0.7 * unit).astype(np.float32)
    return np.asarray(cut * np.float32(0.11 / 255), dtype=np.float32)


def _metal(coin: CoinType, size: int) -> tuple[Floats, Floats]:
    ring = coin.metals[0]
    colour = np.broadcast_to(np.array(_REFLECTANCE[ring], dtype=np.float32), (size, size, 3))
    patina = np.broadcast_to(np.array(_PATINA[ring], dtype=np.float32), (size, size, 3))
    if not coin.bimetal:
        return colour, patina
    line = (np.arange(size, dtype=np.float32) + 0.5) / (size / 2) - 1
    radius = np.hypot(line[None, :], line[:, None])
    core = np.clip((coin.blank.core - radius) * size / 2 + 0.5, 0, 1)[..., None]
    inner = np.array(_REFLECTANCE[coin.metals[1]], dtype=np.float32)
    stain = np.array(_PATINA[coin.metals[1]], dtype=np.float32)
    seam = np.exp(-(((radius - coin.blank.core) * size / 2 / (0.004 * size)) ** 2))[..., None] * 0.45
    mixed = (colour * (1 - core) + inner * core) * (1 - seam)
    return np.asarray(mixed, dtype=np.float32), np.asarray(patina * (1 - core) + stain * core, dtype=np.float32)


def _grime(surface: Floats, specimen: Specimen, rng: np.random.Generator) -> Floats:
    """Return the share of each point that is covered by dirt: the recesses first."""
    size = surface.shape[0]
    if specimen.dirt <= 0:
        return np.zeros_like(surface)
    shelter = cv2.GaussianBlur(surface, (0, 0), 0.012 * size) - surface
    low = np.clip((FIELD + 0.12 - surface) / 0.3, 0, 1)
    patches = np.clip(0.55 + 0.35 * _noise(size, 7, rng) + 0.2 * _noise(size, 40, rng), 0, 1)
    cover = specimen.dirt * patches * (0.35 * low + np.clip(shelter * 9, 0, 1))
    return np.asarray(np.clip(cover, 0, 0.92), dtype=np.float32)


def _toned(metal: Floats, specimen: Specimen, rng: np.random.Generator) -> Floats:
    size = metal.shape[0]
    drift = rng.normal(0, 0.02, 3).astype(np.float32)
    amount = np.clip(0.5 + 0.45 * _noise(size, 3, rng) + 0.15 * _noise(size, 14, rng), 0, 1)[..., None]
    hue = np.array([0.86, 0.74, 0.55], dtype=np.float32) * (1 + 3 * drift)
    darker = 1 - specimen.toning * amount * (1 - np.clip(hue, 0.3, 1))
    spots = np.clip(_noise(size, 26, rng) - 2.2 + 0.6 * specimen.toning, 0, 1)[..., None] * specimen.toning
    return np.asarray(metal * darker * (1 + 0.5 * specimen.toning * drift) * (1 - 0.7 * spots), dtype=np.float32)


def shade(
    surface: Floats,
    coverage: Floats,
    colour: Floats,
    grime: Floats,
    specimen: Specimen,
    lighting: Lighting,
    rng: np.random.Generator,
) -> Floats:
    """Return the light that reaches the camera from `surface`, linear float32 (size, size, 3).

    `surface`, `coverage` (0…1) and `grime` are float32 (size, size), `colour` linear (size, size, 3).
    """
    size = surface.shape[0]
    solid = np.where(coverage > 0.5, surface, np.float32(0.42))
    shape = cv2.GaussianBlur(solid, (0, 0), 0.0016 * size)
    steep = RELIEF_DEPTH * size
    grain = (0.02 + 0.04 * specimen.dullness) * rng.standard_normal((2, size, size)).astype(np.float32)
    undulation = _noise(size, 5, rng) * np.float32(0.0015 * size * 0.02)
    tilt_x = cv2.Sobel(shape, cv2.CV_32F, 1, 0, scale=1 / 8) * steep + grain[0]
    tilt_y = cv2.Sobel(shape, cv2.CV_32F, 0, 1, scale=1 / 8) * steep + grain[1]
    tilt_x += cv2.Sobel(undulation, cv2.CV_32F, 1, 0, scale=1 / 8) * 4
    nz = 1 / np.sqrt(1 + tilt_x**2 + tilt_y**2)
    nx, ny = -tilt_x * nz, -tilt_y * nz
    line = (np.arange(size, dtype=np.float32) + 0.5) / (size / 2) - 1
    px, py = np.broadcast_to(line[None, :], (size, size)), np.broadcast_to(line[:, None], (size, size))

    valley = cv2.GaussianBlur(solid, (0, 0), 0.02 * size) - solid
    open_sky = np.clip(1 - 3.0 * np.maximum(valley, 0), 0.3, 1)
    scatter = 0.12 + 0.45 * specimen.dullness
    ambient = np.array(lighting.ambient, dtype=np.float32)
    # A viewer straight above sees what lies in the direction (2 nz nx, 2 nz ny, 2 nz² − 1).
    up = 2 * nz * nz - 1
    lean = lighting.lights[0] if lighting.lights else Light(0, 45)
    toward = (float(np.sin(np.radians(lean.azimuth))), -float(np.cos(np.radians(lean.azimuth))))
    sideways = 2 * nz * (nx * toward[0] + ny * toward[1]) + 0.10 * (px * toward[0] + py * toward[1])
    mirrored = lighting.horizon + (lighting.overhead - lighting.horizon) * np.clip(up, 0, 1) ** 2
    mirrored = np.maximum(mirrored * (1 + 1.5 * sideways), 0.03)
    total = colour * ambient * (open_sky * (mirrored * 1.25 + scatter * nz))[..., None]

    rough = lighting.roughness * (1 + 0.35 * specimen.dullness)
    spin = np.arctan2(py, px)
    for lamp in lighting.lights:
        azimuth, elevation = float(np.radians(lamp.azimuth)), float(np.radians(lamp.elevation))
        distance = 5.0
        lx = np.float32(distance * np.cos(elevation) * np.sin(azimuth)) - px
        ly = np.float32(-distance * np.cos(elevation) * np.cos(azimuth)) - py
        lz = np.float32(distance * np.sin(elevation))
        reach = np.sqrt(lx * lx + ly * ly + lz * lz)
        lx, ly, lz = lx / reach, ly / reach, lz / reach
        facing = np.maximum(nx * lx + ny * ly + nz * lz, 0)
        hz = lz + 1
        halfway = np.sqrt(lx * lx + ly * ly + hz * hz)
        half_dot = np.clip((nx * lx + ny * ly + nz * hz) / halfway, 0, 1)
        alpha = float(np.clip(rough**2 + 0.35 * lamp.spread**2 + 0.05 * lamp.spread, 0.03, 0.8))
        glint = alpha**2 / (np.pi * (half_dot**2 * (alpha**2 - 1) + 1) ** 2)
        # Mint lustre: radial flow lines throw a cartwheel of two opposite bright sectors.
        wheel = 1 + 0.45 * (1 - specimen.dullness) * np.cos(2 * (spin - (azimuth - np.pi / 2)))
        falloff = (distance / reach) ** 2
        colour_of_lamp = np.array(lamp.colour, dtype=np.float32) * np.float32(lamp.strength)
        clean = 1 - 0.85 * grime
        shine = lighting.specular * np.minimum(glint, 12) * 0.6 * facing * wheel * clean
        body = (scatter * wheel**0.3 + 0.5 * grime) * facing * open_sky
        fresnel = colour + (1 - colour) * ((1 - np.clip(hz / halfway, 0, 1)) ** 5)[..., None]
        total = total + colour_of_lamp * falloff[..., None] * (fresnel * shine[..., None] + colour * body[..., None])
    return np.asarray(total, dtype=np.float32)


def metered(light: Floats, coverage: Floats) -> np.float32:
    """Return the factor by which a camera's light meter takes a picture most of the way to mid grey."""
    mean = float((light.mean(axis=2) * coverage).sum() / max(float(coverage.sum()), 1.0))
    return np.float32((METERED_LEVEL / max(mean, 1e-4)) ** METER_STRENGTH)


def developed(light: Floats) -> Floats:
    """Return linear light as display values in [0, 1]: a shoulder for the highlights, then the sRGB power."""
    film = light * (1 + light / 6) / (1 + light * 0.75)
    return np.asarray(np.clip(film, 0, 1) ** (1 / 2.2), dtype=np.float32)
