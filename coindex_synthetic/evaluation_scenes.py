"""Phone-like scenes of a fixed severity, in which `coindex evaluate --as-scenes` asks about a photo's coin."""

import numpy as np
from numpy.typing import NDArray

from coindex_synthetic.backgrounds import HELD_OUT_FAMILIES, background
from coindex_synthetic.scene_settings import EVALUATION_SEVERITY
from coindex_synthetic.scenes import compose_scene

__all__ = ["SCENE_SIZE", "evaluation_scene"]

SCENE_SIZE = (1024, 768)
"""Width and height of a scene."""


def evaluation_scene(
    rgb: NDArray[np.uint8] | None, mask: NDArray[np.uint8] | None, seed: tuple[int, int]
) -> NDArray[np.uint8]:
    """The coin `rgb` uint8 (h, w, 3) with `mask` uint8 (h, w) in a scene uint8 (768, 1024, 3), on a background that no
    training uses; without a coin the background alone. Equal seeds give equal scenes."""
    rng = np.random.default_rng(seed)
    family = HELD_OUT_FAMILIES[int(rng.integers(len(HELD_OUT_FAMILIES)))]
    width, height = SCENE_SIZE
    ground = background(family, width=width, height=height, rng=rng)
    if rgb is None or mask is None:
        return ground
    return compose_scene([(rgb, mask)], ground, settings=EVALUATION_SEVERITY, rng=rng).rgb
