"""Struck coins that never were, with pixel masks, drawn from seeds, and phone-like photographs of them."""

from coindex.synthetic.backgrounds import HELD_OUT_FAMILIES, TRAINING_FAMILIES, background
from coindex.synthetic.coins import CoinType, Side, coin_mask, coin_type
from coindex.synthetic.dataset import write_catalogue, write_retrieval, write_scenes
from coindex.synthetic.designs import Design, height_map
from coindex.synthetic.non_coins import NON_COIN_KINDS, non_coin
from coindex.synthetic.rendering import (
    Light,
    Lighting,
    RenderedCoin,
    Specimen,
    phone_lighting,
    random_specimen,
    render_coin,
    studio_lighting,
)
from coindex.synthetic.scenes import EVALUATION_SEVERITY, Scene, SceneSettings, compose_scene

__all__ = [
    "EVALUATION_SEVERITY",
    "HELD_OUT_FAMILIES",
    "NON_COIN_KINDS",
    "TRAINING_FAMILIES",
    "CoinType",
    "Design",
    "Light",
    "Lighting",
    "RenderedCoin",
    "Scene",
    "SceneSettings",
    "Side",
    "Specimen",
    "background",
    "coin_mask",
    "coin_type",
    "compose_scene",
    "height_map",
    "non_coin",
    "phone_lighting",
    "random_specimen",
    "render_coin",
    "studio_lighting",
    "write_catalogue",
    "write_retrieval",
    "write_scenes",
]
