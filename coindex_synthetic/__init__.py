"""Struck coins that never were, with pixel masks, drawn from seeds, and phone-like photographs of them."""

from coindex_synthetic.backgrounds import HELD_OUT_FAMILIES, TRAINING_FAMILIES, background
from coindex_synthetic.coins import CoinType, Side, coin_mask, coin_type
from coindex_synthetic.dataset import write_catalogue, write_retrieval, write_scenes
from coindex_synthetic.designs import Design, height_map
from coindex_synthetic.holders import HOLDER_KINDS, HeldCoins, HolderKind, compose_held, held_coins
from coindex_synthetic.non_coins import NON_COIN_KINDS, NonCoinKind, non_coin
from coindex_synthetic.rendering import (
    Light,
    Lighting,
    RenderedCoin,
    Specimen,
    phone_lighting,
    random_specimen,
    render_coin,
    studio_lighting,
)
from coindex_synthetic.scene_settings import EVALUATION_SEVERITY, SceneSettings
from coindex_synthetic.scenes import Scene, compose_scene

__all__ = [
    "EVALUATION_SEVERITY",
    "HELD_OUT_FAMILIES",
    "HOLDER_KINDS",
    "NON_COIN_KINDS",
    "TRAINING_FAMILIES",
    "CoinType",
    "Design",
    "HeldCoins",
    "HolderKind",
    "Light",
    "Lighting",
    "NonCoinKind",
    "RenderedCoin",
    "Scene",
    "SceneSettings",
    "Side",
    "Specimen",
    "background",
    "coin_mask",
    "coin_type",
    "compose_held",
    "compose_scene",
    "height_map",
    "held_coins",
    "non_coin",
    "phone_lighting",
    "random_specimen",
    "render_coin",
    "studio_lighting",
    "write_catalogue",
    "write_retrieval",
    "write_scenes",
]
