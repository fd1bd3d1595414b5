"""Emblems for the middle of a coin, each modelled in relief from a seed.

An emblem fills the square −1…1 of `Relief` and stays inside its inscribed circle, more or less; heights are
shares of the highest relief a coin has.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from coindex_synthetic.motifs import (
    animals,
    buildings,
    heraldry,
    landscapes,
    objects,
    ornaments,
    plants,
    portraits,
    seafaring,
)
from coindex_synthetic.relief import Floats, Relief

ROOM = 0.06  # around an emblem, so that what its random details push outwards is not cut


@dataclass(frozen=True)
class Motif:
    """One emblem: its `kind` (a key of `EMBLEMS`), the seed of its details, and whether it is mirrored."""

    kind: str
    seed: int
    flipped: bool = False


def model(motif: Motif, *, size: int) -> Floats:
    """Return the emblem as heights, float32 (size, size) in [0, 1], zero where the field is bare.

    Raises:
        ValueError: If the kind is unknown.
    """
    if motif.kind not in EMBLEMS:
        raise ValueError(f"unknown motif kind {motif.kind!r}; expected one of {', '.join(EMBLEMS)}")
    relief = Relief(size, room=ROOM)
    EMBLEMS[motif.kind](relief, np.random.default_rng([motif.seed, len(motif.kind)]))
    soft = cv2.GaussianBlur(relief.height, (0, 0), 0.004 * size)
    height = np.clip(soft, 0, 1)
    return np.ascontiguousarray(height[:, ::-1]) if motif.flipped else np.asarray(height, dtype=np.float32)


EMBLEMS: dict[str, Callable[[Relief, np.random.Generator], None]] = {
    "portrait": portraits.portrait,
    "eagle": animals.eagle,
    "shield": heraldry.shield,
    "wreath": plants.wreath,
    "wheat": plants.wheat,
    "ship": seafaring.ship,
    "building": buildings.building,
    "tree": plants.tree,
    "star": ornaments.large_star,
    "sun": landscapes.sun,
    "crown": heraldry.crown,
    "anchor": seafaring.anchor,
    "map": landscapes.world_map,
    "rosette": ornaments.rosette,
    "knot": ornaments.knot,
    "beast": animals.beast,
    "bird": animals.bird,
    "fish": animals.fish,
    "lyre": objects.lyre,
    "torch": objects.torch,
    "flower": plants.flower,
    "tools": objects.tools,
    "peaks": landscapes.peaks,
    "butterfly": animals.butterfly,
    "gear": objects.gear,
    "vessel": objects.vessel,
}
