"""What light, lens, sensor and JPEG make of a table with coins on it."""

import cv2
import numpy as np

from coindex_synthetic.relief import Bytes, Floats
from coindex_synthetic.scene_settings import SceneSettings


def photographed(canvas: Bytes, settings: SceneSettings, rng: np.random.Generator) -> Bytes:
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
