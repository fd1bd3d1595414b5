"""Presets: every number of a training, in a commented TOML file each."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from coindex.errors import TrainingError
from training.embedder import EmbedderSettings
from training.segmenter import SegmenterSettings

__all__ = ["PRESETS", "DataSettings", "Preset", "read_preset"]

PRESETS = ("mobile", "tiny")


@dataclass(frozen=True)
class DataSettings:
    """Which photos are trained on and judged with; each field is a key of the preset's `[data]` table."""

    train: tuple[str, ...]
    retrieval: tuple[tuple[str, str], ...]
    min_photos: int
    unlabelled_every: int
    synthetic_types: int
    synthetic_pictures: int


@dataclass(frozen=True)
class Preset:
    """A preset by its name, with the settings of both nets."""

    name: str
    data: DataSettings
    embedder: EmbedderSettings
    segmenter: SegmenterSettings


def read_preset(name: str) -> Preset:
    """Read a preset by its name. Raises `TrainingError` for a name that is none of `PRESETS`."""
    if name not in PRESETS:
        raise TrainingError(f"no preset named {name!r}; there are: {', '.join(PRESETS)}")
    document: dict[str, Any] = tomllib.loads((files("training") / "presets" / f"{name}.toml").read_text("utf-8"))
    data = document["data"]
    return Preset(
        name,
        DataSettings(
            **{
                **data,
                "train": tuple(data["train"]),
                "retrieval": tuple((catalog, query) for catalog, query in data["retrieval"]),
            }
        ),
        EmbedderSettings(**document["embedder"]),
        SegmenterSettings(**{**document["segmenter"], "decoder": tuple(document["segmenter"]["decoder"])}),
    )
